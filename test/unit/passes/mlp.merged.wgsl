alias F = f32;
const LINES = 64u;
const LENGTH = 10u;
alias U = u32;

@group(0) @binding(0) var<storage, read> x: array<f32, 640>;
@group(0) @binding(1) var<storage, read> labels: array<i32, 64>;
@group(0) @binding(2) var<storage, read_write> y: array<f32, 64>;
@group(0) @binding(3) var<storage, read> dloss: array<f32, 4>;
@group(0) @binding(4) var<storage, read_write> y_1: array<f32, 640>;

fn kernel0(id: vec3u) {
  let i = id.x;
  if (i >= LINES) { return; }
  let begin = i * LENGTH;
  var tops = x[begin];
  for (var t = 0u; t < LENGTH; t += 1u) {
    tops = max(tops, x[begin + t]);
  }
  let top = tops;
  var totals = F();
  for (var t = 0u; t < LENGTH; t += 1u) {
    let at = begin + t;
    let power = exp(x[at] - top);
    totals += power;
  }
  let total = totals;
  let label = u32(clamp(labels[i], 0, 9));
  let loss = log(total) + (top - x[begin + label]);
  y[i] = loss;
}

fn kernel1(id: vec3u) {
  let i = id.x;
  if (i >= LINES) { return; }
  let begin = i * LENGTH;
  var tops = x[begin];
  for (var t = 0u; t < LENGTH; t += 1u) {
    tops = max(tops, x[begin + t]);
  }
  let top = tops;
  var totals = F();
  for (var t = 0u; t < LENGTH; t += 1u) {
    let at = begin + t;
    let power = exp(x[at] - top);
    totals += power;
    y_1[at] = power;
  }
  let total = totals;
  let label = u32(clamp(labels[i], 0, 9));
  let scale = dloss[0u];
  let share = 1.0 / total;
  for (var t = 0u; t < LENGTH; t += 1u) {
    let at = begin + t;
    let wanted = select(F(), F(1.0), t == U(label));
    let dx = scale * (y_1[at] * share - wanted);
    y_1[at] = dx;
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < 64u) { kernel0(id); }
  else if (id.x < 128u) { kernel1(vec3u(id.x - 64u, 0u, 0u)); }
}
