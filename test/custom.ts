import * as t from "../src/index.ts";
import { customOp, elementwise } from "../src/index.ts";

/* Ops as a user makes them, for the tests. */

/** x · sigmoid(βx), by a helper that has the name of one of tilegrad's own. */
export const swish = elementwise("swish", {
  inputs: ["x", "beta"],
  functions: `
    // The logistic curve.
    fn sigmoid(x: f32) -> f32 {
      return 1 / (1 + exp(-x));
    }`,
  wgsl: "x * sigmoid(beta * x)",
  reference: (x, beta) => x / (1 + Math.exp(-beta * x)),
  gradient: (dy, y, x, beta) => {
    const s = t.sigmoid(t.mul(beta, x));
    return [t.mul(dy, t.add(s, t.mul(t.mul(beta, y), t.sub(1, s)))), t.mul(dy, t.mul(t.mul(x, y), t.sub(1, s)))];
  },
  flops: 6,
});

/** Newton's square root, as statements; for whole numbers, rounded down. */
export const root = elementwise("root", {
  inputs: ["x"],
  wgsl: `
    var y = 1.0;
    // Twenty steps are enough for all numbers of the tests.
    for (var i = 0u; i < 20u; i++) { y = (y + x / y) / 2; }
    return y;`,
  reference: Math.sqrt,
  integer: {
    wgsl: `
      var y = x - x;
      loop {
        if ((y + 1) * (y + 1) > x) { break; }
        y++;
      }
      return y;`,
    reference: (x) => Math.floor(Math.sqrt(x)),
  },
  gradient: (dy, y) => t.div(dy, t.mul(2, y)),
});

/** Whether a lies within r of b, as 0 or 1. */
export const near = elementwise("near", {
  inputs: ["a", "b", "r"],
  wgsl: "select(0, 1, abs(a - b) <= r)",
  reference: (a, b, r) => Number(Math.abs(a - b) <= r),
  result: "i32",
});

/** The largest element of each row, one invocation per row. */
export const rowMax = customOp("rowMax", {
  inputs: ["x"],
  outputs: { y: ({ x }) => x.shape.slice(0, -1) },
  constants: ({ x }) => ({ COLS: x.shape.at(-1)! }),
  wgsl: `
    var most = x(id.x * COLS);
    for (var c = 1u; c < COLS; c++) { most = max(most, x(id.x * COLS + c)); }
    y_store(id.x, most);`,
  gradient: {
    x: ({ x, y, dy }) => t.where(t.eq(x, t.unsqueeze(y, -1)), t.unsqueeze(dy, -1), 0),
  },
  reference: ({ x: { shape, data } }) => {
    const cols = shape.at(-1)!;
    return Float64Array.from({ length: data.length / cols }, (_, r) =>
      data.subarray(r * cols, (r + 1) * cols).reduce((a, b) => Math.max(a, b)),
    );
  },
});

/** a · x + b and its sum of squares, which one workgroup adds up in its memory. */
export const scaled = customOp("scaled", {
  inputs: ["x", "b"],
  outputs: { y: ({ x }) => x.shape, squares: () => [] },
  options: { a: 2 },
  constants: ({ x }, { a }) => ({ A: a, COUNT: x.shape.reduce((n, m) => n * m, 1), COLS: x.shape.at(-1)! }),
  workgroups: 1,
  memory: { partial: { type: "f32", length: 64 } },
  functions: "fn squared(v: f32) -> f32 { return v * v; }",
  wgsl: `
    var sum = 0.0;
    for (var i = lane; i < COUNT; i += 64) {
      let value = A * x(i) + b(i % COLS);
      y_store(i, value);
      sum += squared(value);
    }
    partial[lane] = sum;
    for (var half = 32u; half > 0; half /= 2) {
      workgroupBarrier();
      if (lane < half) { partial[lane] += partial[lane + half]; }
    }
    if (lane == 0) { squares_store(0, partial[0]); }`,
  gradient: {
    x: ({ y, dy, dsquares }, { a }) => t.mul(a, t.add(dy, t.mul(t.mul(2, y), dsquares))),
    b: ({ y, dy, dsquares }) => t.sum(t.add(dy, t.mul(t.mul(2, y), dsquares)), 0),
  },
  reference: ({ x, b }, { a }) => {
    const y = x.data.map((value, i) => a * value + b.data[i % b.data.length]!);
    return { y, squares: [y.reduce((sum, value) => sum + value * value, 0)] };
  },
});

/** How often each label occurs. The grid has a second axis, of length 1. */
export const counts = customOp("counts", {
  inputs: ["labels"],
  dtypes: { labels: ["i32", "u32"] },
  outputs: { n: (_, { classes }) => ({ shape: [classes], dtype: "u32" }) },
  options: { classes: 3 },
  constants: ({ labels }) => ({ COUNT: labels.shape[0]! }),
  invocations: ({ n }) => [n.shape[0]!, 1],
  workgroupSize: [8, 2],
  wgsl: `
    var n = 0u;
    for (var i = 0u; i < COUNT; i++) { n += u32(u32(labels(i)) == id.x); }
    n_store(id.x, n);`,
  reference: ({ labels }, { classes }) =>
    Array.from({ length: classes }, (_, k) => labels.data.filter((label) => label === k).length),
});
