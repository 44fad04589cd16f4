alias F = vec4f;
const TILES_N = 16u;
const STEPS = 196u;
const ROWS = 64u;
const COLS = 128u;
@group(0) @binding(0) var<storage, read> a: array<vec4f, 12544>;
@group(0) @binding(1) var<storage, read> b: array<vec4f, 25088>;
@group(0) @binding(2) var<storage, read> e0: array<vec4f, 32>;
@group(0) @binding(3) var<storage, read_write> y0: array<vec4f, 2048>;

fn finish(batch: u32, row: u32, col: u32, x0: F) {
  if (row >= ROWS || col >= COLS) { return; }
  let at = (batch * ROWS + row) * COLS + col;

  let x1 = e0[col / 4u];
  let v0 = x0 + x1;
  let v1 = max(v0, F(0.0));
  y0[at / 4u] = v1;
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let batch = id.y;

  let col = id.x % TILES_N * 8u;
  let row = id.x / TILES_N * 16u;
  if (row >= ROWS) { return; }

  let a_base = 0u;
  let a_from0 = (a_base + row * 784u) / 4u;
  let a_from1 = (a_base + (row + 1u) * 784u) / 4u;
  let a_from2 = (a_base + (row + 2u) * 784u) / 4u;
  let a_from3 = (a_base + (row + 3u) * 784u) / 4u;
  let a_from4 = (a_base + (row + 4u) * 784u) / 4u;
  let a_from5 = (a_base + (row + 5u) * 784u) / 4u;
  let a_from6 = (a_base + (row + 6u) * 784u) / 4u;
  let a_from7 = (a_base + (row + 7u) * 784u) / 4u;
  let a_from8 = (a_base + (row + 8u) * 784u) / 4u;
  let a_from9 = (a_base + (row + 9u) * 784u) / 4u;
  let a_from10 = (a_base + (row + 10u) * 784u) / 4u;
  let a_from11 = (a_base + (row + 11u) * 784u) / 4u;
  let a_from12 = (a_base + (row + 12u) * 784u) / 4u;
  let a_from13 = (a_base + (row + 13u) * 784u) / 4u;
  let a_from14 = (a_base + (row + 14u) * 784u) / 4u;
  let a_from15 = (a_base + (row + 15u) * 784u) / 4u;
  let b_base = 0u;
  let b_from0 = (b_base + col * 784u) / 4u;
  let b_from1 = (b_base + (col + 1u) * 784u) / 4u;
  let b_from2 = (b_base + (col + 2u) * 784u) / 4u;
  let b_from3 = (b_base + (col + 3u) * 784u) / 4u;
  let b_from4 = (b_base + (col + 4u) * 784u) / 4u;
  let b_from5 = (b_base + (col + 5u) * 784u) / 4u;
  let b_from6 = (b_base + (col + 6u) * 784u) / 4u;
  let b_from7 = (b_base + (col + 7u) * 784u) / 4u;
  var sum0_0 = vec4f();
  var sum0_1 = vec4f();
  var sum1_0 = vec4f();
  var sum1_1 = vec4f();
  var sum2_0 = vec4f();
  var sum2_1 = vec4f();
  var sum3_0 = vec4f();
  var sum3_1 = vec4f();
  var sum4_0 = vec4f();
  var sum4_1 = vec4f();
  var sum5_0 = vec4f();
  var sum5_1 = vec4f();
  var sum6_0 = vec4f();
  var sum6_1 = vec4f();
  var sum7_0 = vec4f();
  var sum7_1 = vec4f();
  var sum8_0 = vec4f();
  var sum8_1 = vec4f();
  var sum9_0 = vec4f();
  var sum9_1 = vec4f();
  var sum10_0 = vec4f();
  var sum10_1 = vec4f();
  var sum11_0 = vec4f();
  var sum11_1 = vec4f();
  var sum12_0 = vec4f();
  var sum12_1 = vec4f();
  var sum13_0 = vec4f();
  var sum13_1 = vec4f();
  var sum14_0 = vec4f();
  var sum14_1 = vec4f();
  var sum15_0 = vec4f();
  var sum15_1 = vec4f();
  for (var q = 0u; q < STEPS; q++) {
    let a0 = a[a_from0 + q];
    let a1 = a[a_from1 + q];
    let a2 = a[a_from2 + q];
    let a3 = a[a_from3 + q];
    let a4 = a[a_from4 + q];
    let a5 = a[a_from5 + q];
    let a6 = a[a_from6 + q];
    let a7 = a[a_from7 + q];
    let a8 = a[a_from8 + q];
    let a9 = a[a_from9 + q];
    let a10 = a[a_from10 + q];
    let a11 = a[a_from11 + q];
    let a12 = a[a_from12 + q];
    let a13 = a[a_from13 + q];
    let a14 = a[a_from14 + q];
    let a15 = a[a_from15 + q];
    let b0 = transpose(mat4x4f(b[b_from0 + q], b[b_from1 + q], b[b_from2 + q], b[b_from3 + q]));
    let b1 = transpose(mat4x4f(b[b_from4 + q], b[b_from5 + q], b[b_from6 + q], b[b_from7 + q]));
    sum0_0 += b0 * a0;
    sum0_1 += b1 * a0;
    sum1_0 += b0 * a1;
    sum1_1 += b1 * a1;
    sum2_0 += b0 * a2;
    sum2_1 += b1 * a2;
    sum3_0 += b0 * a3;
    sum3_1 += b1 * a3;
    sum4_0 += b0 * a4;
    sum4_1 += b1 * a4;
    sum5_0 += b0 * a5;
    sum5_1 += b1 * a5;
    sum6_0 += b0 * a6;
    sum6_1 += b1 * a6;
    sum7_0 += b0 * a7;
    sum7_1 += b1 * a7;
    sum8_0 += b0 * a8;
    sum8_1 += b1 * a8;
    sum9_0 += b0 * a9;
    sum9_1 += b1 * a9;
    sum10_0 += b0 * a10;
    sum10_1 += b1 * a10;
    sum11_0 += b0 * a11;
    sum11_1 += b1 * a11;
    sum12_0 += b0 * a12;
    sum12_1 += b1 * a12;
    sum13_0 += b0 * a13;
    sum13_1 += b1 * a13;
    sum14_0 += b0 * a14;
    sum14_1 += b1 * a14;
    sum15_0 += b0 * a15;
    sum15_1 += b1 * a15;
  }

  var sums = array<vec4f, 32>(sum0_0, sum0_1, sum1_0, sum1_1, sum2_0, sum2_1, sum3_0, sum3_1, sum4_0, sum4_1, sum5_0, sum5_1, sum6_0, sum6_1, sum7_0, sum7_1, sum8_0, sum8_1, sum9_0, sum9_1, sum10_0, sum10_1, sum11_0, sum11_1, sum12_0, sum12_1, sum13_0, sum13_1, sum14_0, sum14_1, sum15_0, sum15_1);
  for (var i = 0u; i < 32u; i++) { finish(batch, row + (i / 2u), col + 4u * (i % 2u), sums[i]); }
}
