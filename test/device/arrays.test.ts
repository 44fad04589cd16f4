import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { add, constant, Engine, FeedError, input, type Program, variable } from "../../src/index.ts";

/* Values in all forms that hosts provide: `run`, `write` and `constant` follow one rule. */

let engine: Engine;
const bias = variable(new Float32Array(3), [3], { name: "bias" });
let shifted: Program<{ y: ReturnType<typeof add> }>;
beforeAll(async () => {
  engine = await Engine.create();
  shifted = await engine.compile({ outputs: { y: add(input("x", [3]), bias) } });
});
afterAll(() => engine.destroy());

class Samples extends Float32Array<ArrayBuffer> {}

/** A Float32Array of another realm: of an iframe, or of another context of Node. */
async function fromElsewhere(values: readonly number[]): Promise<Float32Array> {
  if (globalThis.document) {
    const frame = document.body.appendChild(document.createElement("iframe"));
    return (frame.contentWindow as unknown as typeof globalThis).Float32Array.from(values);
  }
  const vm = "node:vm";
  const { runInNewContext } = await import(/* @vite-ignore */ vm);
  return runInNewContext("Float32Array.from(values)", { values });
}

/** Shared with other threads. Pages can create such memory only through WebAssembly. */
function shared(values: readonly number[]): Float32Array {
  const { buffer } = new WebAssembly.Memory({ shared: true, initial: 1, maximum: 1 });
  const array = new Float32Array(buffer, 8, values.length);
  array.set(values);
  return array;
}

const values = [1.5, -2, 3];

describe.each<[string, () => Float32Array | Promise<Float32Array>]>([
  ["an array", () => Float32Array.from(values)],
  ["a subclass", () => Samples.from(values)],
  ["an array of another realm", () => fromElsewhere(values)],
  ["shared memory", () => shared(values)],
  ["part of a buffer", () => Float32Array.of(9, ...values, 9).subarray(1, 4)],
])("%s", (_, make) => {
  test("is accepted by run, write, variable and constant", { tags: ["quick"] }, async () => {
    const array = await make();
    engine.write(bias, array);
    expect(await engine.read(bias)).toEqual(Float32Array.from(values));
    expect((await shifted.compute({ x: array })).y).toEqual(Float32Array.of(3, -4, 6));
    engine.write(bias, new Float32Array(3));

    const [own, unused] = [variable(array, [3]), variable(new Float32Array(3), [3])];
    const program = await engine.compile({ outputs: { y: add(own, constant(array, [3])) } });
    expect((await program.compute()).y).toEqual(Float32Array.of(3, -4, 6));
    engine.write(unused, array);
    expect(await engine.read(unused)).toEqual(Float32Array.from(values));
    program.destroy();
  });
});

const detached = Float32Array.from(values);
structuredClone(detached, { transfer: [detached.buffer] });
/** Newer hosts have this. */
type Growable = new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer;
const resizable = new Float32Array(new (ArrayBuffer as Growable)(12, { maxByteLength: 24 }));

const expected = "expected a Float32Array of 3 ([3])";

describe.each<[string, unknown, string]>([
  ["integers", new Int32Array(3), `is an Int32Array, ${expected}: Float32Array.from(…) makes one`],
  ["doubles", new Float64Array(3), `is a Float64Array, ${expected}: Float32Array.from(…) makes one`],
  ["a list", values, `is an Array, ${expected}: Float32Array.from(…) makes one`],
  ["text", "1.5", `is a String, ${expected}`],
  ["null", null, `is a Null, ${expected}`],
  ["nothing", undefined, `is missing, ${expected}`],
  ["a boolean", true, `is a Boolean, ${expected}`],
  ["a promise", Promise.resolve(), `is a Promise, ${expected}`],
  ["a view without elements", new DataView(new ArrayBuffer(12)), `is a DataView, ${expected}`],
  ["a false class name", { [Symbol.toStringTag]: "Float32Array", length: 3 }, `is a Float32Array, ${expected}`],
  ["too few", new Float32Array(2), `has 2 elements, ${expected}`],
  ["a detached array", detached, "lies in a detached buffer: it has been transferred, for instance to a worker"],
  ["a resizable array", resizable, "lies in a resizable buffer, expected one of fixed length"],
])("%s", (_, data, message) => {
  test("is refused by run and write alike", async () => {
    const running = shifted.compute({ x: data as Float32Array });
    await expect(running).rejects.toThrow(FeedError);
    await expect(running).rejects.toThrow(`run: input "x" ${message}`);
    const writing = () => engine.write(bias, data as Float32Array);
    expect(writing).toThrow(FeedError);
    expect(writing).toThrow(`write: the value of variable "bias" ${message}`);
  });
});

test("a number fills a variable", async () => {
  const rate = variable(Float32Array.of(0.1), [], { name: "rate" });
  engine.write(rate, 0.5);
  expect(await engine.read(rate)).toEqual(Float32Array.of(0.5));
});
