import type { RecordedNode, RecordedTensor, Recording, Statistics } from "../src/recording/index.ts";

const statistics: Statistics = {
  min: 0,
  max: 3,
  mean: 1.5,
  std: 1,
  norm: 3,
  zeros: 1,
  nans: 0,
  infinities: 0,
  histogram: [1, 1, 1, 1],
};

const tensor = (
  name: string,
  kind: RecordedTensor["kind"],
  dispatch: number | null,
  buffer: number,
): RecordedTensor => ({
  name,
  kind,
  shape: [2, 2],
  dtype: "f32",
  layer: "",
  buffer,
  offset: 0,
  dispatch,
  statistics: [statistics],
});

const base = { layer: "", attrs: {}, from: [] } as const;
const whole = { shape: [2, 2], dtype: "f32" } as const;
const [x, exp] = [
  { node: 0, result: 0 },
  { node: 1, result: 0 },
];
const built: readonly RecordedNode[] = [
  { ...base, op: "input", name: "x", inputs: [], results: [{ ...whole, tensor: 0 }] },
  { ...base, op: "exp", pointwise: true, inputs: [x], results: [{ ...whole, tensor: 1 }] },
  { ...base, op: "matmul", inputs: [exp, x], results: [{ ...whole, tensor: 2 }] },
];
const again = built.map((node, i) => ({ ...node, from: [i] }));
const roots = [{ name: "y", node: 2, result: 0 }];

/** A recording of `exp(x)` and `exp(x)·x`, written by hand: small enough to know all of it. */
export const small: Recording = {
  format: "tilegrad.recording",
  version: 1,
  date: "2026-01-01T00:00:00.000Z",
  adapter: {
    name: "a test",
    cpu: true,
    features: [],
    limits: { maxInvocations: 256, maxWorkgroupBytes: 16384, maxStorageBuffers: 8, maxBinding: 2 ** 27 },
  },
  ceilings: { gflops: 10, gbPerSec: 5, dispatchUs: 10 },
  outputs: [{ name: "y", tensor: 2 }],
  graph: {
    built,
    simplified: again,
    fused: again,
    lowered: [
      { ...again[1]!, op: "elementwise", name: "exp[2x2]:f32", inputs: [], dispatch: 0 },
      { ...again[2]!, name: "matmul[2x2x2]:f32", inputs: [x], dispatch: 1 },
    ],
    roots: { built: roots, simplified: roots, fused: roots },
  },
  dispatches: [
    {
      label: "exp[2x2]:f32",
      layer: "",
      family: "elementwise",
      variant: "naive",
      source: "shaders/elementwise.wgsl.ts",
      choices: [],
      workgroups: [1, 1, 1],
      flops: 16,
      bytes: 32,
      wgsl: "@compute @workgroup_size(1) fn main() {}",
      bindings: [
        { role: "input x", access: "read", buffer: 0, offset: 0, size: 16, reads: [0], writes: [] },
        { role: "exp", access: "read_write", buffer: 1, offset: 0, size: 16, reads: [], writes: [1] },
      ],
    },
    {
      label: "matmul[2x2x2]:f32",
      layer: "out",
      family: "matmul",
      variant: "naive",
      source: "shaders/matmul.wgsl.ts",
      choices: [
        {
          problem: "matmul m=2 n=2 k=2",
          chosen: "naive",
          by: "score",
          variants: [
            { variant: "naive", score: -1 },
            { variant: "tiled", lacks: "256 invocations" },
          ],
        },
      ],
      workgroups: [1, 1, 1],
      flops: 16,
      bytes: 48,
      wgsl: "@compute @workgroup_size(1) fn main() {}",
      bindings: [
        { role: "exp", access: "read", buffer: 1, offset: 0, size: 16, reads: [1], writes: [] },
        { role: "input x", access: "read", buffer: 0, offset: 0, size: 16, reads: [0], writes: [] },
        { role: "matmul", access: "read_write", buffer: 2, offset: 0, size: 16, reads: [], writes: [2] },
      ],
    },
  ],
  timings: {
    encodeMs: 0.1,
    submitMs: 0.2,
    doneMs: 3,
    gpu: {
      spans: [
        [0, 0.5],
        [0.5, 2],
      ],
      resolutionMs: 0.065536,
    },
  },
  memory: {
    buffers: [
      { role: "input x", kind: "input", bytes: 16, first: 0, last: null, slot: null, maker: null },
      { role: "exp", kind: "scratch", bytes: 16, first: 0, last: 1, slot: 0, maker: 0 },
      { role: "matmul", kind: "scratch", bytes: 16, first: 0, last: null, slot: 1, maker: 1 },
    ],
    slots: [16, 16],
    variables: 0,
    inputs: 16,
    constants: 0,
    scratch: 32,
    scratchUnshared: 32,
    total: 48,
    needed: [32, 32],
    peak: { bytes: 32, dispatch: 0 },
  },
  tensors: [tensor("x", "input", null, 0), tensor("exp", "computed", 0, 1), tensor("matmul", "computed", 1, 2)],
  steps: [0],
};
