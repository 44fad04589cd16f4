@group(0) @binding(0) var<storage, read> a: array<vec4f, 12544>;
@group(0) @binding(1) var<storage, read> b: array<vec4f, 25088>;
@group(0) @binding(2) var<storage, read> e0: array<vec4f, 32>;
@group(0) @binding(3) var<storage, read_write> y0: array<vec4f, 2048>;
alias F = vec4f;
alias I = vec4i;
alias U = vec4u;
const ROWS = 64u;
const COLS = 128u;

fn finish(batch: u32, row: u32, col: u32, x0: F) {
  if (row >= ROWS || col >= COLS) { return; }
  let at = (batch * ROWS + row) * COLS + col;

  let x1 = e0[col / 4u];
  let v0 = x0 + x1;
  let v1 = max(v0, F(0.0));
  y0[at / 4u] = v1;
}

const TILES_M = 4u; // 16 rows each
const TILES_N = 16u; // 8 columns each

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let batch = id.y;

  let col = id.x % TILES_N * 8u;
  let row = id.x / TILES_N * 16u;
  if (row >= ROWS) { return; }

  let a_base = 0u;
  let b_base = 0u;
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
  let b_from0 = (b_base + col * 784u) / 4u;
  let b_from1 = (b_base + (col + 1u) * 784u) / 4u;
  let b_from2 = (b_base + (col + 2u) * 784u) / 4u;
  let b_from3 = (b_base + (col + 3u) * 784u) / 4u;
  let b_from4 = (b_base + (col + 4u) * 784u) / 4u;
  let b_from5 = (b_base + (col + 5u) * 784u) / 4u;
  let b_from6 = (b_base + (col + 6u) * 784u) / 4u;
  let b_from7 = (b_base + (col + 7u) * 784u) / 4u;
  var acc0_0 = vec4f();
  var acc0_1 = vec4f();
  var acc1_0 = vec4f();
  var acc1_1 = vec4f();
  var acc2_0 = vec4f();
  var acc2_1 = vec4f();
  var acc3_0 = vec4f();
  var acc3_1 = vec4f();
  var acc4_0 = vec4f();
  var acc4_1 = vec4f();
  var acc5_0 = vec4f();
  var acc5_1 = vec4f();
  var acc6_0 = vec4f();
  var acc6_1 = vec4f();
  var acc7_0 = vec4f();
  var acc7_1 = vec4f();
  var acc8_0 = vec4f();
  var acc8_1 = vec4f();
  var acc9_0 = vec4f();
  var acc9_1 = vec4f();
  var acc10_0 = vec4f();
  var acc10_1 = vec4f();
  var acc11_0 = vec4f();
  var acc11_1 = vec4f();
  var acc12_0 = vec4f();
  var acc12_1 = vec4f();
  var acc13_0 = vec4f();
  var acc13_1 = vec4f();
  var acc14_0 = vec4f();
  var acc14_1 = vec4f();
  var acc15_0 = vec4f();
  var acc15_1 = vec4f();

  for (var q = 0u; q < 196u; q++) {
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
    acc0_0 += b0 * a0;
    acc0_1 += b1 * a0;
    acc1_0 += b0 * a1;
    acc1_1 += b1 * a1;
    acc2_0 += b0 * a2;
    acc2_1 += b1 * a2;
    acc3_0 += b0 * a3;
    acc3_1 += b1 * a3;
    acc4_0 += b0 * a4;
    acc4_1 += b1 * a4;
    acc5_0 += b0 * a5;
    acc5_1 += b1 * a5;
    acc6_0 += b0 * a6;
    acc6_1 += b1 * a6;
    acc7_0 += b0 * a7;
    acc7_1 += b1 * a7;
    acc8_0 += b0 * a8;
    acc8_1 += b1 * a8;
    acc9_0 += b0 * a9;
    acc9_1 += b1 * a9;
    acc10_0 += b0 * a10;
    acc10_1 += b1 * a10;
    acc11_0 += b0 * a11;
    acc11_1 += b1 * a11;
    acc12_0 += b0 * a12;
    acc12_1 += b1 * a12;
    acc13_0 += b0 * a13;
    acc13_1 += b1 * a13;
    acc14_0 += b0 * a14;
    acc14_1 += b1 * a14;
    acc15_0 += b0 * a15;
    acc15_1 += b1 * a15;
  }

  var sums = array<vec4f, 32>(acc0_0, acc0_1, acc1_0, acc1_1, acc2_0, acc2_1, acc3_0, acc3_1, acc4_0, acc4_1, acc5_0, acc5_1, acc6_0, acc6_1, acc7_0, acc7_1, acc8_0, acc8_1, acc9_0, acc9_1, acc10_0, acc10_1, acc11_0, acc11_1, acc12_0, acc12_1, acc13_0, acc13_1, acc14_0, acc14_1, acc15_0, acc15_1);
  for (var i = 0u; i < 32u; i++) { finish(batch, row + (i / 2u), col + 4u * (i % 2u), sums[i]); }
}
