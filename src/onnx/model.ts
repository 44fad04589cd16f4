import { FormatError } from "../errors.ts";
import { type Field, fields, floats, integers, text } from "./wire.ts";

/*
 * The messages of onnx.proto (github.com/onnx/onnx, Apache-2.0) that an importer reads. Field numbers are those of the
 * file; unknown fields are skipped.
 */

export interface Model {
  readonly irVersion: number;
  readonly producer: string;
  /** Version of the operators of domain "". */
  readonly opset: number;
  /** Texts by key. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly graph: Graph;
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

export interface NodeProto {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

export interface Attribute {
  readonly name: string;
  readonly f: number;
  readonly i: number;
  readonly s: string;
  readonly tensor?: TensorProto;
  readonly graph?: Graph;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly string[];
}

/** A tensor in a file. Its numbers are decoded by `decode` of elements.ts. */
export interface TensorProto {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: number;
  readonly raw?: Uint8Array;
  /** Numbers of the typed fields. */
  readonly numbers: readonly number[];
  /** Where the numbers are, if they are in another file. */
  readonly external?: ReadonlyMap<string, string>;
}

export interface ValueInfo {
  readonly name: string;
  /** Number of the element type. */
  readonly type: number;
  /** A size, the name of a size, or "" for a size without a name; undefined where the file has no shape. */
  readonly dims?: readonly (number | string)[];
  /** Whether it is a sequence of such tensors. */
  readonly isSequence: boolean;
}

/** Graphs in attributes of nodes in graphs: deeper than any exporter, and far from the end of the stack. */
const deepest = 16;

/** Reads a model. @throws FormatError for anything that is not one. */
export function readModel(bytes: Uint8Array): Model {
  let irVersion = 0;
  let producer = "";
  let opset: number | undefined;
  let graph: Graph | undefined;
  const metadata = new Map<string, string>();
  for (const field of fields(bytes)) {
    if (field.number === 1) irVersion = field.value;
    else if (field.number === 2) producer = text(field);
    else if (field.number === 7 && field.wire === 2) graph = readGraph(field.bytes, 0);
    else if (field.number === 8) {
      const [domain, version] = readOpset(field.bytes);
      if (domain === "" || domain === "ai.onnx") opset = version;
    } else if (field.number === 14) metadata.set(...readEntry(field));
  }
  if (!graph) throw new FormatError("has no graph: it is not an ONNX model");
  if (graph.outputs.length === 0) throw new FormatError("has a graph without outputs: it is not an ONNX model");
  // Files of IR versions 1 and 2 may lack the operator set, which is then the first.
  return { irVersion, producer, opset: opset ?? 1, metadata, graph };
}

function readOpset(bytes: Uint8Array): [domain: string, version: number] {
  let domain = "";
  let version = 0;
  for (const field of fields(bytes)) {
    if (field.number === 1) domain = text(field);
    else if (field.number === 2) version = field.value;
  }
  return [domain, version];
}

function readGraph(bytes: Uint8Array, depth: number): Graph {
  if (depth > deepest) throw new FormatError(`holds graphs more than ${deepest} deep`);
  let name = "";
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  for (const field of fields(bytes)) {
    if (field.number === 1) nodes.push(readNode(field.bytes, depth));
    else if (field.number === 2) name = text(field);
    else if (field.number === 5) initializers.push(readTensor(field.bytes));
    else if (field.number === 11) inputs.push(readValueInfo(field.bytes));
    else if (field.number === 12) outputs.push(readValueInfo(field.bytes));
    else if (field.number === 15) throw new FormatError("holds sparse initializers, which are not supported");
  }
  return { name, nodes, initializers, inputs, outputs };
}

function readNode(bytes: Uint8Array, depth: number): NodeProto {
  let name = "";
  let op = "";
  let domain = "";
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  for (const field of fields(bytes)) {
    if (field.number === 1) inputs.push(text(field));
    else if (field.number === 2) outputs.push(text(field));
    else if (field.number === 3) name = text(field);
    else if (field.number === 4) op = text(field);
    else if (field.number === 5) {
      const attribute = readAttribute(field.bytes, depth);
      attributes.set(attribute.name, attribute);
    } else if (field.number === 7) domain = text(field);
  }
  return { name, op, domain: domain === "ai.onnx" ? "" : domain, inputs, outputs, attributes };
}

function readAttribute(bytes: Uint8Array, depth: number): Attribute {
  let name = "";
  const one: number[] = [];
  let i = 0;
  let s = "";
  let tensor: TensorProto | undefined;
  let graph: Graph | undefined;
  const many = { floats: [] as number[], ints: [] as number[], strings: [] as string[] };
  for (const field of fields(bytes)) {
    if (field.number === 1) name = text(field);
    else if (field.number === 2) floats(field, 4, one);
    else if (field.number === 3) i = field.value;
    else if (field.number === 4) s = text(field);
    else if (field.number === 5) tensor = readTensor(field.bytes);
    else if (field.number === 6) graph = readGraph(field.bytes, depth + 1);
    else if (field.number === 7) floats(field, 4, many.floats);
    else if (field.number === 8) integers(field, many.ints);
    else if (field.number === 9) many.strings.push(text(field));
  }
  return { name, f: one.at(-1) ?? 0, i, s, ...many, ...(tensor && { tensor }), ...(graph && { graph }) };
}

/** Reads a tensor, also one that is a file of its own. */
export function readTensor(bytes: Uint8Array): TensorProto {
  let name = "";
  let type = 0;
  let raw: Uint8Array | undefined;
  let isExternal = false;
  const dims: number[] = [];
  const numbers: number[] = [];
  const external = new Map<string, string>();
  for (const field of fields(bytes)) {
    if (field.number === 1) integers(field, dims);
    else if (field.number === 2) type = field.value;
    else if (field.number === 4) floats(field, 4, numbers);
    else if (field.number === 5 || field.number === 7 || field.number === 11) integers(field, numbers);
    else if (field.number === 8) name = text(field);
    else if (field.number === 9) raw = field.bytes;
    else if (field.number === 10) floats(field, 8, numbers);
    else if (field.number === 13) external.set(...readEntry(field));
    else if (field.number === 14) isExternal = field.value === 1;
  }
  return { name, dims, type, numbers, ...(raw && { raw }), ...(isExternal && { external }) };
}

function readEntry({ bytes }: Field): [key: string, value: string] {
  const entry: [string, string] = ["", ""];
  for (const field of fields(bytes))
    if (field.number === 1 || field.number === 2) entry[field.number - 1] = text(field);
  return entry as [string, string];
}

function readValueInfo(bytes: Uint8Array): ValueInfo {
  let name = "";
  let type: Omit<ValueInfo, "name"> = { type: 0, isSequence: false };
  for (const field of fields(bytes)) {
    if (field.number === 1) name = text(field);
    else if (field.number === 2) type = readType(field.bytes, 0);
  }
  return { name, ...type };
}

function readType(bytes: Uint8Array, depth: number): Omit<ValueInfo, "name"> {
  if (depth > deepest) throw new FormatError(`holds types more than ${deepest} deep`);
  for (const field of fields(bytes)) {
    if (field.number === 1) return { ...readTensorType(field.bytes), isSequence: false };
    // A sequence (4) or an optional value (9) of another type.
    if (field.number === 4 || field.number === 9) {
      for (const inner of fields(field.bytes)) {
        if (inner.number !== 1) continue;
        const type = readType(inner.bytes, depth + 1);
        return { ...type, isSequence: type.isSequence || field.number === 4 };
      }
    }
  }
  return { type: 0, isSequence: false };
}

function readTensorType(bytes: Uint8Array): { type: number; dims?: (number | string)[] } {
  let type = 0;
  let dims: (number | string)[] | undefined;
  for (const field of fields(bytes)) {
    if (field.number === 1) type = field.value;
    else if (field.number === 2) {
      dims = [];
      for (const dim of fields(field.bytes)) if (dim.number === 1) dims.push(readDim(dim.bytes));
    }
  }
  return { type, ...(dims && { dims }) };
}

function readDim(bytes: Uint8Array): number | string {
  for (const field of fields(bytes)) {
    if (field.number === 1) return field.value;
    if (field.number === 2) return text(field);
  }
  return "";
}
