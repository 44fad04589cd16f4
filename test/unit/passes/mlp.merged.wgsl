@group(0) @binding(0) var<storage, read> x_0: array<f32, 640>;
@group(0) @binding(1) var<storage, read> labels_0: array<i32, 64>;
@group(0) @binding(2) var<storage, read_write> y_0: array<f32, 64>;
@group(0) @binding(3) var<storage, read> dloss_1: array<f32, 4>;
@group(0) @binding(4) var<storage, read_write> y_1: array<f32, 640>;
const LINES_0 = 64u;
const LENGTH_0 = 10u; // elements of a line
const INNER_0 = 1u; // distance between neighbours of a line

fn main_0(id: vec3u) {
  let i = id.x;
  if (i >= LINES_0) { return; }
  let from_ = i / INNER_0 * (LENGTH_0 * INNER_0) + i % INNER_0;
  let label = clamp(labels_0[i], 0, i32(LENGTH_0) - 1);
  let kept = true;

  var top = x_0[from_];
  for (var t = 1u; t < LENGTH_0; t++) { top = max(top, x_0[from_ + t * INNER_0]); }
  var total = 0.0;
  for (var t = 0u; t < LENGTH_0; t++) { total += exp(x_0[from_ + t * INNER_0] - top); }

  y_0[i] = select(0.0, log(total) + top - x_0[from_ + u32(label) * INNER_0], kept);

}

const LINES_1 = 64u;
const LENGTH_1 = 10u; // elements of a line
const INNER_1 = 1u; // distance between neighbours of a line

fn main_1(id: vec3u) {
  let i = id.x;
  if (i >= LINES_1) { return; }
  let from_ = i / INNER_1 * (LENGTH_1 * INNER_1) + i % INNER_1;
  let label = clamp(labels_0[i], 0, i32(LENGTH_1) - 1);
  let kept = true;

  let scale = dloss_1[0];

  var top = x_0[from_];
  for (var t = 1u; t < LENGTH_1; t++) { top = max(top, x_0[from_ + t * INNER_1]); }
  var total = 0.0;
  for (var t = 0u; t < LENGTH_1; t++) { total += exp(x_0[from_ + t * INNER_1] - top); }

  for (var t = 0u; t < LENGTH_1; t++) {
    let value = x_0[from_ + t * INNER_1];
    y_1[from_ + t * INNER_1] = select(0.0, scale * (exp(value - top) / total - select(0.0, 1.0, i32(t) == label)), kept);
  }

}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < 64u) { main_0(id); }
  else if (id.x < 128u) { main_1(vec3u(id.x - 64u, 0u, 0u)); }
}
