@group(0) @binding(0) var<storage, read> x_k0: array<f32, 640>;
@group(0) @binding(1) var<storage, read> labels_k0: array<i32, 64>;
@group(0) @binding(2) var<storage, read_write> y_k0: array<f32, 64>;
@group(0) @binding(3) var<storage, read> dloss_k1: array<f32, 4>;
@group(0) @binding(4) var<storage, read_write> y_k1: array<f32, 640>;
const LINES_k0 = 64u;
const LENGTH_k0 = 10u; // elements of a line
const INNER_k0 = 1u; // distance between neighbours of a line

alias F_k0 = f32;

fn main_k0(id: vec3u) {
  let i = id.x;
  if (i >= LINES_k0) { return; }
  let from_ = i / INNER_k0 * (LENGTH_k0 * INNER_k0) + i % INNER_k0;
  let label = clamp(labels_k0[i], 0, 9);
  let kept = true;

  var tops = x_k0[from_];
  for (var t = 0u; t < LENGTH_k0; t++) {
    let at = from_ + t;
    tops = max(tops, x_k0[at]);
  }
  let top = tops;
  var totals = F_k0();
  for (var t = 0u; t < LENGTH_k0; t++) {
    let at = from_ + t;
    let e = exp(x_k0[at] - top);
    totals += e;

  }
  let total = totals;

  y_k0[i] = select(0.0, log(total) + (top - x_k0[from_ + u32(label) * INNER_k0]), kept);

}

const LINES_k1 = 64u;
const LENGTH_k1 = 10u; // elements of a line
const INNER_k1 = 1u; // distance between neighbours of a line

alias F_k1 = f32;

fn main_k1(id: vec3u) {
  let i = id.x;
  if (i >= LINES_k1) { return; }
  let from_ = i / INNER_k1 * (LENGTH_k1 * INNER_k1) + i % INNER_k1;
  let label = clamp(labels_k0[i], 0, 9);
  let kept = true;

  let scale = dloss_k1[0];

  var tops = x_k0[from_];
  for (var t = 0u; t < LENGTH_k1; t++) {
    let at = from_ + t;
    tops = max(tops, x_k0[at]);
  }
  let top = tops;
  var totals = F_k1();
  for (var t = 0u; t < LENGTH_k1; t++) {
    let at = from_ + t;
    let e = exp(x_k0[at] - top);
    totals += e;

    y_k1[at] = e;

  }
  let total = totals;

  for (var t = 0u; t < LENGTH_k1; t++) {
    let at = from_ + t;
    y_k1[at] = select(F_k1(), scale * (y_k1[at] / total - select(F_k1(), F_k1(1.0), i32(t) == label)), kept);
  }

}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < 64u) { main_k0(id); }
  else if (id.x < 128u) { main_k1(vec3u(id.x - 64u, 0u, 0u)); }
}
