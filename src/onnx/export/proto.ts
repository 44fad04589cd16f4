import { LimitError } from "../../errors.ts";
import { halfBits } from "../../graph/half.ts";
import type { DType } from "../../graph/shape.ts";
import { Message } from "./wire.ts";

/*
 * A model as the messages of onnx.proto (github.com/onnx/onnx, Apache-2.0). Field numbers are those of that file.
 */

/** Numbers of `TensorProto.DataType`. */
export const typeNumbers = { f32: 1, f16: 10, i32: 6, u32: 12, i64: 7, bool: 9 } as const;

export type ElementName = keyof typeof typeNumbers;

/** A float attribute; plain numbers are whole. */
export interface FloatAttribute {
  readonly float: number;
}

export type Attributes = Readonly<
  Record<string, number | FloatAttribute | string | readonly number[] | readonly string[] | undefined>
>;

export interface OutNode {
  readonly op: string;
  readonly name: string;
  inputs: readonly string[];
  outputs: readonly string[];
  readonly attributes: Attributes;
}

/** Numbers in the file: a weight or a constant. */
export interface Initializer {
  readonly type: ElementName;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
  /** Whether it is a weight, and not a number of the graph. */
  readonly isWeight: boolean;
}

/** An input or output. Sizes that the batch decides are names. */
export interface OutValue {
  readonly name: string;
  readonly type: ElementName;
  readonly dims: readonly (number | string)[];
}

export interface OutGraph {
  readonly nodes: readonly OutNode[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  readonly inputs: readonly OutValue[];
  readonly outputs: readonly OutValue[];
}

/** The version of the format that came with each version of the operators, from 17 on. */
const irVersions: Readonly<Record<number, number>> = { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10 };

/** Weights outside of the model's file: their name there, and their bytes one after the other. */
interface Outside {
  readonly name: string;
  readonly parts: Uint8Array[];
  length: number;
}

/** Readers map files at multiples of this. */
const alignment = 4096;

/** A message has at most 2³¹ − 1 bytes. */
const longestFile = 2 ** 31 - 1;

/** @param external the file beside the model for its weights; absent: they are inside. */
export function encodeModel(
  graph: OutGraph,
  opset: number,
  external: string | undefined,
  metadata: Readonly<Record<string, string>>,
): { bytes: Uint8Array<ArrayBuffer>; outside: Uint8Array<ArrayBuffer> | undefined } {
  const outside: Outside | undefined = external === undefined ? undefined : { name: external, parts: [], length: 0 };
  const message = new Message()
    .int(1, irVersions[opset]!)
    .text(2, "tilegrad")
    .message(7, encodeGraph(graph, outside))
    .message(8, new Message().text(1, "").int(2, opset));
  for (const entry of Object.entries(metadata)) message.message(14, encodeEntry(entry));
  if (message.length > longestFile)
    throw new LimitError(
      `exportOnnx: the file would have ${message.length} bytes${external === undefined ? "" : " without its weights"}, at most ${longestFile}${external === undefined ? ": put the weights beside it, with external" : ""}`,
    );
  return { bytes: message.finish(), outside: outside && joined(outside) };
}

/** Whether two graphs are the same: nodes, numbers, inputs and outputs. */
export function sameGraph(a: OutGraph, b: OutGraph): boolean {
  const text = ({ nodes, initializers, inputs, outputs }: OutGraph) =>
    JSON.stringify([nodes, [...initializers].map(([name, { type, shape }]) => [name, type, shape]), inputs, outputs]);
  return (
    text(a) === text(b) &&
    [...a.initializers].every(([name, { data }]) => sameNumbers(data, b.initializers.get(name)!.data))
  );
}

function sameNumbers(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a === b) return true;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return a.length === b.length;
}

function joined({ parts, length }: Outside): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at = aligned(at + part.length);
  }
  return all;
}

const aligned = (at: number): number => Math.ceil(at / alignment) * alignment;

function encodeGraph({ nodes, initializers, inputs, outputs }: OutGraph, outside: Outside | undefined): Message {
  const graph = new Message();
  for (const node of nodes) graph.message(1, encodeNode(node));
  graph.text(2, "tilegrad");
  for (const [name, initializer] of initializers) graph.message(5, encodeTensor(name, initializer, outside));
  for (const value of inputs) graph.message(11, encodeValue(value));
  for (const value of outputs) graph.message(12, encodeValue(value));
  return graph;
}

function encodeNode({ op, name, inputs, outputs, attributes }: OutNode): Message {
  const node = new Message();
  for (const input of inputs) node.text(1, input);
  for (const output of outputs) node.text(2, output);
  node.text(3, name).text(4, op);
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) node.message(5, encodeAttribute(key, value));
  return node;
}

function encodeAttribute(name: string, value: NonNullable<Attributes[string]>): Message {
  const attribute = new Message().text(1, name);
  if (typeof value === "number") return attribute.int(3, value).int(20, 2);
  if (typeof value === "string") return attribute.text(4, value).int(20, 3);
  if ("float" in value) return attribute.float(2, value.float).int(20, 1);
  const isText = typeof value[0] === "string";
  for (const item of value) typeof item === "string" ? attribute.text(9, item) : attribute.int(8, item);
  return attribute.int(20, isText ? 8 : 7);
}

function encodeTensor(
  name: string,
  { type, shape, data, isWeight }: Initializer,
  outside: Outside | undefined,
): Message {
  const tensor = new Message();
  for (const size of shape) tensor.int(1, size);
  tensor.int(2, typeNumbers[type]).text(8, name);
  const raw = rawBytes(type, data);
  if (!outside || !isWeight) return tensor.bytes(9, raw);
  const offset = aligned(outside.length);
  outside.parts.push(raw);
  outside.length = offset + raw.length;
  for (const entry of [
    ["location", outside.name],
    ["offset", `${offset}`],
    ["length", `${raw.length}`],
  ] as const)
    tensor.message(13, encodeEntry(entry));
  return tensor.int(14, 1);
}

const encodeEntry = ([key, value]: readonly [key: string, value: string]): Message =>
  new Message().text(1, key).text(2, value);

const arrays: Readonly<
  Record<DType, (data: ArrayLike<number>) => Float32Array | Uint16Array | Int32Array | Uint32Array>
> = {
  f32: (data) => Float32Array.from(data),
  f16: (data) => Uint16Array.from(data, halfBits),
  i32: (data) => Int32Array.from(data),
  u32: (data) => Uint32Array.from(data),
};

/** Numbers as files have them: little endian. */
function rawBytes(type: ElementName, data: ArrayLike<number>): Uint8Array {
  if (type === "bool") return Uint8Array.from(data);
  if (type === "i64") return new Uint8Array(BigInt64Array.from(Array.from(data, BigInt)).buffer);
  return new Uint8Array(arrays[type](data).buffer);
}

function encodeValue({ name, type, dims }: OutValue): Message {
  const shape = new Message();
  for (const dim of dims)
    shape.message(1, typeof dim === "string" ? new Message().text(2, dim) : new Message().int(1, dim));
  const tensor = new Message().int(1, typeNumbers[type]).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}
