alias F = f32;
const LINES = 64u;
const LENGTH = 10u;
const INNER = 1u;

@group(0) @binding(0) var<storage, read> x: array<f32, 640>;
@group(0) @binding(1) var<storage, read> labels: array<i32, 64>;
@group(0) @binding(2) var<storage, read_write> y: array<f32, 64>;
@group(0) @binding(3) var<storage, read> dloss: array<f32, 4>;
@group(0) @binding(4) var<storage, read_write> y_1: array<f32, 640>;

fn kernel0(id: vec3u) {
  let i = id.x;
  if (i >= LINES) { return; }
  let from_ = i / INNER * (LENGTH * INNER) + i % INNER;
  let label = clamp(labels[i], 0, 9);
  let kept = true;
  var tops = x[from_];
  for (var t = 0u; t < LENGTH; t++) {
    let at = from_ + t;
    tops = max(tops, x[at]);
  }
  let top = tops;
  var totals = F();
  for (var t = 0u; t < LENGTH; t++) {
    let at = from_ + t;
    let e = exp(x[at] - top);
    totals += e;
  }
  let total = totals;
  y[i] = select(0.0, log(total) + (top - x[from_ + u32(label) * INNER]), kept);
}

fn kernel1(id: vec3u) {
  let i = id.x;
  if (i >= LINES) { return; }
  let from_ = i / INNER * (LENGTH * INNER) + i % INNER;
  let label = clamp(labels[i], 0, 9);
  let kept = true;
  let scale = dloss[0];
  var tops = x[from_];
  for (var t = 0u; t < LENGTH; t++) {
    let at = from_ + t;
    tops = max(tops, x[at]);
  }
  let top = tops;
  var totals = F();
  for (var t = 0u; t < LENGTH; t++) {
    let at = from_ + t;
    let e = exp(x[at] - top);
    totals += e;
    y_1[at] = e;
  }
  let total = totals;
  for (var t = 0u; t < LENGTH; t++) {
    let at = from_ + t;
    y_1[at] = select(F(), scale * (y_1[at] / total - select(F(), F(1.0), i32(t) == label)), kept);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < 64u) { kernel0(id); }
  else if (id.x < 128u) { kernel1(vec3u(id.x - 64u, 0u, 0u)); }
}
