import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { FormatError, input, LimitError, nn } from "../../src/index.ts";
import type { SafetensorsTensor } from "../../src/io/index.ts";
import { loadTensors } from "../../src/io/weights.ts";
import { Source } from "../../src/keras/hdf5/source.ts";
import { type KerasOptions, parseKerasWeights } from "../../src/keras/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { channelsFirst, type Expected, images, sequences } from "../keras/models.ts";
import { sequence } from "../mutants.ts";

const folder = join(import.meta.dirname, "../keras/files");
const file = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(join(folder, name)));
const expected: Record<"images" | "sequences", Expected> = JSON.parse(
  readFileSync(join(folder, "expected.json"), "utf8"),
);

/** The result in float64 of a model with loaded weights, as its largest distance from that of Keras. */
function distance(
  model: nn.Module,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  x: ArrayLike<number>,
  shape: readonly number[],
  wanted: readonly number[],
): number {
  const variables = new Map();
  loadTensors({ write: (variable, data) => void variables.set(variable, data) }, nn.stateDict(model), tensors, {});
  const y = model(input("x", shape, x instanceof Int32Array ? "i32" : "f32"));
  const [got] = evaluate([y], { inputs: { x }, variables });
  return Math.max(...wanted.map((value, i) => Math.abs(value - got!.data[i]!)));
}

describe("computes what Keras computes:", () => {
  test.each(["images.keras", "images.h5"])("a CNN of %s", (name) => {
    const { x, shape, y } = expected.images;
    const read = (options?: KerasOptions) =>
      distance(images(), parseKerasWeights(file(name), options), channelsFirst(x, shape), [2, 2, 9, 8], y);
    expect(read({ flatten: { dense: [6, 6, 3] } })).toBeLessThan(1e-6);
    // The inputs of the Dense are in another order without it.
    expect(read()).toBeGreaterThan(0.1);
  });

  test.each(["sequences.keras", "sequences.weights.h5", "sequences.h5", "keras2.h5"])(
    "recurrent layers of %s",
    (name) => {
      const { x, y } = expected.sequences;
      expect(distance(sequences(), parseKerasWeights(file(name)), Int32Array.from(x), [3, 6], y)).toBeLessThan(1e-6);
    },
  );
});

const described = (tensors: ReadonlyMap<string, SafetensorsTensor>): string[] =>
  [...tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape}]`).sort();

test("names layers of a class of one's own, and leaves unknown ones as they are", () => {
  expect(described(parseKerasWeights(file("own.weights.h5")))).toEqual(
    [
      "0 F32 [1]",
      // A Dense that is called otherwise.
      "called_otherwise.0 F32 [2,2]",
      "called_otherwise.1 F32 [2]",
      "dense_7.bias F32 [2]",
      "dense_7.weight F32 [2,3]",
      "normalization.0 F32 [2]",
      "normalization.1 F32 [2]",
      "normalization.2 I64 []",
      ...["gru", "lstm"].flatMap((kind) => {
        const rows = kind === "gru" ? 6 : 8;
        const cell = `rnn.stacked_rnn_cells.cells.${kind}_cell`;
        const weights = ["ih", "hh"].map((side) => `${cell}.weight_${side} F32 [${rows},2]`);
        return [...weights, ...["ih", "hh"].map((side) => `${cell}.bias_${side} F32 [${rows}]`)];
      }),
      "sequential.inner.bias F32 [3]",
      "sequential.inner.weight F32 [3,2]",
      ...["bias", "running_mean", "running_var", "weight"].map((name) => `sequential.norm.${name} F32 [3]`),
      "sequential.norm.num_batches_tracked I64 []",
    ].sort(),
  );
});

test("reads other types, and data within headers", () => {
  const tensors = parseKerasWeights(file("types.h5"));
  expect(tensors.get("dense.weight")).toEqual({
    dtype: "F16",
    shape: [2, 2],
    data: Uint16Array.of(0x3c00, 0x4200, 0x4000, 0x4480),
  });
  expect(tensors.get("dense.bias")!.data).toEqual(Float64Array.of(1, -1e300));
  expect([...parseKerasWeights(file("compact.h5")).values()]).toEqual([
    { dtype: "F32", shape: [1, 2], data: Float32Array.of(5, 6) },
  ]);
});

describe("refuses", () => {
  test.each([
    ["relu.keras", 'layer "lstm_1" has activation "relu", expected "tanh"'],
    ["reset-before.keras", 'layer "gru_1" is a GRU with reset_after=False'],
    ["images.weights.h5", 'layer "shifted" has 3 variables, expected gamma, beta, moving_mean, moving_variance'],
    ["chunked.h5", 'dataset "layers/dense/vars/0" is stored in chunks, expected one piece'],
    ["big-endian.h5", 'dataset "layers/dense/vars/0" is big-endian'],
    ["link.h5", 'object "layers/dense/vars" has links to other files'],
    ["text.h5", 'dataset "layers/dense/vars/0" has texts, expected numbers'],
    ["latest.h5", "has a superblock of version 3, expected 0: h5py's default"],
  ])("%s", (name, message) => {
    expect(() => parseKerasWeights(file(name), { name })).toThrow(FormatError);
    expect(() => parseKerasWeights(file(name), { name })).toThrow(`${name}: ${message}`);
  });

  test("what is no file of Keras", () => {
    expect(() => parseKerasWeights(new Uint8Array(5))).toThrow("has 5 bytes, expected an HDF5 file");
    expect(() => parseKerasWeights(new Uint8Array(200))).toThrow("Keras file: expected an HDF5 file");
    expect(() => parseKerasWeights(zipSync({ "a.txt": new Uint8Array(3) }))).toThrow("has no model.weights.h5");
    const zip = zipSync({ "model.weights.h5": file("types.h5"), "config.json": Uint8Array.of(0x7b) });
    expect(() => parseKerasWeights(zip)).toThrow("its configuration is not JSON");
    expect(() => parseKerasWeights(file("images.keras"), { maxBytes: 1000 })).toThrow(LimitError);
  });

  test("flatten for other layers, and other sizes", () => {
    const read = (flatten: KerasOptions["flatten"]) => () => parseKerasWeights(file("images.h5"), { flatten });
    expect(read({ first: [1] })).toThrow(
      'parseKerasWeights: flatten names "first", Keras file has the Dense layers dense',
    );
    expect(read({ dense: [3, 5, 4] })).toThrow(
      'layer "dense" has 108 inputs, but flatten says that it reads [3, 5, 4]',
    );
  });
});

describe("a hostile file costs no more than its size:", () => {
  const u64 = (bytes: Uint8Array) => new DataView(bytes.buffer);
  const place = (bytes: Uint8Array, text: string): number => Buffer.from(bytes).indexOf(text);

  /** A file whose root is a tree of `levels` nodes with 700 children each, all the same. */
  function doubling(levels: number): Uint8Array {
    const plain = file("types.h5");
    const size = 32 + 16 * 700;
    const bytes = new Uint8Array(plain.length + levels * size);
    bytes.set(plain);
    const tree = place(plain, "TREE");
    const view = u64(bytes);
    const leaf = view.getBigUint64(tree + 32, true);
    for (let level = 0; level < levels; level++) {
      const at = plain.length + level * size;
      bytes.set(new TextEncoder().encode("TREE"), at);
      bytes[at + 5] = levels - 1 - level;
      view.setUint16(at + 6, 700, true);
      const child = level === levels - 1 ? leaf : BigInt(at + size);
      for (let i = 0; i < 700; i++) view.setBigUint64(at + 32 + 16 * i, child, true);
    }
    for (let at = 0; at + 8 <= plain.length; at++)
      if (view.getBigUint64(at, true) === BigInt(tree)) view.setBigUint64(at, BigInt(plain.length), true);
    return bytes;
  }

  test("trees whose nodes are the same", () => {
    for (const levels of [1, 5])
      expect(() => parseKerasWeights(doubling(levels))).toThrow("has a symbol table of the root group in two places");
  });

  test("groups within themselves", () => {
    const cyclic = file("types.h5");
    const view = u64(cyclic);
    // The first entry of each symbol table refers to the root.
    const root = view.getBigUint64(24 + 40, true);
    view.setBigUint64(place(cyclic, "SNOD") + 16, root, true);
    expect(() => parseKerasWeights(cyclic)).toThrow("in two places");
  });

  test("shapes that are larger than their data", () => {
    const bytes = file("types.h5");
    const view = u64(bytes);
    // The shape [2, 2] of the kernel, in its dataspace message.
    const at = Array.from({ length: bytes.length - 16 }, (_, i) => i).find(
      (i) => view.getBigUint64(i, true) === 2n && view.getBigUint64(i + 8, true) === 2n,
    )!;
    view.setBigUint64(at, 2n ** 40n, true);
    expect(() => parseKerasWeights(bytes)).toThrow("expected 4398046511104");
  });

  test("parts that overlap", () => {
    const source = new Source(new Uint8Array(100), "file");
    for (let i = 0; i < 8; i++) source.part(0, 100);
    expect(() => source.u8(50)).toThrow("file: is damaged: its parts overlap");
  });

  const names = readdirSync(folder).filter((name) => name.endsWith(".h5") && name !== "latest.h5");
  test.each(names)("%s cut off anywhere", (name) => {
    const whole = file(name);
    for (let at = 0; at < whole.length; at += 997)
      expect(() => parseKerasWeights(whole.subarray(0, at))).toThrow(FormatError);
  });

  test.each(names)("%s damaged anywhere", (name) => {
    const whole = file(name);
    const draw = sequence(3);
    for (let i = 0; i < 60; i++) {
      const bytes = whole.slice();
      for (let n = draw(3); n >= 0; n--) bytes[draw(bytes.length)] = draw(256);
      try {
        parseKerasWeights(bytes);
      } catch (error) {
        expect((error as Error).name).toBe("FormatError");
      }
    }
  });
});
