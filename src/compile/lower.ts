import { isRowMajor } from "../../shaders/lib/view.wgsl.ts";
import { inMemory, packHalves } from "../graph/half.ts";
import { order } from "../graph/print.ts";
import { nameOf } from "../graph/program.ts";
import { bytesPer, type DType, rowMajor, type Shape } from "../graph/shape.ts";
import {
  arrayOf,
  type Bounds,
  fullValue,
  type Node,
  type PointwiseProgram,
  type Spec,
  type Tensor,
  Variable,
} from "../graph/tensor.ts";
import {
  type Binding,
  bind,
  type Choice,
  type KernelCall,
  type View,
  type VirtualBuffer,
  type Written,
} from "../kernels/call.ts";
import { copyCall } from "../kernels/elementwise.ts";
import { kernelsOf, type Lowering } from "../kernels/lowering.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import { workOf } from "../kernels/work.ts";
import { currentLayer, inLayer } from "../layer.ts";
import { alignUp, type Home, spanOf, virtualBuffer } from "./homes.ts";
import { baseOf, isOwn } from "./memory.ts";

/** A program's kernel calls in order, on buffers without memory yet. */
export interface Lowered {
  readonly calls: readonly KernelCall[];
  readonly inputs: ReadonlyMap<string, { readonly tensor: Spec; readonly buffer: VirtualBuffer }>;
  readonly outputs: Readonly<Record<string, View>>;
  /** Allowed ranges of integer inputs, by input name. */
  readonly bounds: ReadonlyMap<string, Bounds & { readonly op: string }>;
  /** Where the tensors of the graph are, as far as they are in memory. */
  readonly views: ReadonlyMap<Tensor, View>;
}

export interface Program {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly updates: readonly (readonly [variable: Variable, value: Tensor])[];
}

/** Turns nodes into kernel calls. A variable is overwritten only after the last read of its old value. */
export function lower(
  { outputs, updates }: Program,
  homes: ReadonlyMap<Variable, Home>,
  traits: AdapterTraits,
): Lowered {
  const roots = [...Object.values(outputs), ...updates.map(([, value]) => value)];
  const nodes = putOff(order(roots), updates);
  const pass = new LowerPass(nodes, homes, traits);
  pass.keepOutputs(Object.values(outputs));
  pass.placeUpdates(updates);
  pass.placeForeach();
  for (const node of nodes) inLayer(node.layer, () => pass.visit(node));
  const views = Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => [name, pass.outputView(name, tensor)]),
  );
  pass.finishUpdates(updates);
  return {
    calls: separate(pass.calls, traits),
    inputs: pass.inputs,
    outputs: views,
    bounds: boundsOf(nodes),
    views: pass.views,
  };
}

/**
 * Moves nodes that only compute new values of variables behind the last read of the old values, so that they can write
 * in place.
 */
function putOff(nodes: readonly Node[], updates: Program["updates"]): Node[] {
  const lastRead = new Map<Tensor, number>();
  nodes.forEach(({ inputs }, i) => {
    for (const input of inputs) lastRead.set(baseOf(input), i);
  });
  const until = new Map<Node, number>();
  for (const [variable, value] of updates) {
    const { node } = baseOf(value);
    until.set(node, Math.max(until.get(node) ?? 0, lastRead.get(variable) ?? 0));
  }
  const isRead = (node: Node): boolean => node.results.some((result) => lastRead.has(result));
  const places = new Map(nodes.map((node, i) => [node, isRead(node) ? i : Math.max(i, (until.get(node) ?? 0) + 0.5)]));
  return [...nodes].sort((a, b) => places.get(a)! - places.get(b)!);
}

class LowerPass {
  readonly calls: KernelCall[] = [];
  readonly inputs = new Map<string, { tensor: Tensor; buffer: VirtualBuffer }>();
  readonly views = new Map<Tensor, View>();
  readonly #nodes: readonly Node[];
  readonly #homes: ReadonlyMap<Variable, Home>;
  readonly #traits: AdapterTraits;
  readonly #position = new Map<Node, number>();
  /** For each tensor that owns memory, the position of the last node that reads it or a view of it. */
  readonly #lastUse = new Map<Tensor, number>();
  readonly #places = new Map<Tensor, View>();
  readonly #copies = new Map<Tensor, View>();
  readonly #constants = new Map<string, View>();
  readonly #pinned = new Set<Tensor>();
  readonly #outputs = new Set<Tensor>();
  readonly #read = new Set<Tensor>();
  /** Updates written by the kernel that computes them. */
  readonly #direct = new Set<Variable>();

  constructor(nodes: readonly Node[], homes: ReadonlyMap<Variable, Home>, traits: AdapterTraits) {
    this.#nodes = nodes;
    this.#homes = homes;
    this.#traits = traits;
    nodes.forEach((node, i) => {
      this.#position.set(node, i);
      for (const input of node.inputs) {
        this.#read.add(input);
        this.#lastUse.set(baseOf(input), i);
      }
    });
  }

  /** Outputs keep their own memory until the next run. */
  keepOutputs(outputs: readonly Tensor[]): void {
    for (const output of outputs) {
      this.#outputs.add(output);
      this.#pinned.add(baseOf(output));
      this.#lastUse.set(baseOf(output), Number.POSITIVE_INFINITY);
      this.#read.add(output);
    }
  }

  /** Lets kernels write new values directly into the variables' homes if all reads of the old value come first. */
  placeUpdates(updates: Program["updates"]): void {
    // An old value that becomes another variable's new value is read last, in `finishUpdates`.
    for (const [, value] of updates) if (!isOwn(value)) this.#lastUse.set(baseOf(value), Number.POSITIVE_INFINITY);
    for (const [variable, value] of updates) {
      const made = baseOf(value);
      this.#read.add(value);
      const { node } = made;
      const lastRead = this.#lastUse.get(variable) ?? -1;
      if (isOwn(value) && !this.#places.has(made) && lastRead <= this.#position.get(node)!) {
        this.#places.set(made, this.#home(variable, made.shape));
        this.#direct.add(variable);
      } else {
        this.#lastUse.set(made, Number.POSITIVE_INFINITY);
      }
    }
  }

  /** Lays out the tensors of each role of a foreach like its variables, so that one dispatch handles them all. */
  placeForeach(): void {
    for (const node of this.#nodes) {
      if (node.op.name !== "foreach") continue;
      const { scalars, members } = node.attrs as { scalars: number; members: number };
      for (let role = 0; scalars + role * members < node.inputs.length; role++) {
        const tensors = node.inputs.slice(scalars + role * members, scalars + (role + 1) * members);
        if (!tensors.every((tensor) => isOwn(tensor) && !this.#places.has(baseOf(tensor)))) continue;
        this.#layOut(tensors.map(baseOf), `arena of ${node.attrs["name"]}, role ${role}`, true);
      }
    }
  }

  /** Places tensors next to each other in one new buffer. */
  #layOut(tensors: readonly Tensor[], role: string, pinned: boolean): void {
    const bases: number[] = [];
    let bytes = 0;
    for (const { shape, dtype } of tensors) {
      bases.push(alignUp(bytes));
      bytes = alignUp(bytes) + spanOf(shape, dtype);
    }
    const arena = virtualBuffer("scratch", role, bytes, { pinned });
    tensors.forEach((tensor, i) => {
      this.#places.set(tensor, wholeView(arena, tensor.shape, tensor.dtype, bases[i]!));
    });
  }

  visit(node: Node): void {
    const { op } = node;
    if (op.source) {
      this.views.set(node.results[0]!, this.#sourceView(node));
    } else if (op.view) {
      const [x] = node.inputs;
      const view =
        op.view(node, this.#view(x!)) ?? op.view(node, this.#contiguous(x!, this.#outputs.has(node.results[0]!)));
      this.views.set(node.results[0]!, view!);
    } else {
      const choices: Choice[] = [];
      const calls = kernelsOf(op)!.lower(workOf(node), this.#lowering(node, choices));
      const written = writtenOf(node);
      this.#push(
        ...calls.map((call) => ({
          ...call,
          node,
          ...(choices.length > 0 && { choices }),
          ...(written.length > 0 && { written: [...(call.written ?? []), ...written] }),
        })),
      );
    }
  }

  /** Adds calls that belong to the current layer. */
  #push(...calls: readonly KernelCall[]): void {
    this.calls.push(...calls.map((call) => ({ ...call, layer: currentLayer() })));
  }

  /** An output in its own memory, row-major. */
  outputView(name: string, tensor: Tensor): View {
    const view = this.#view(tensor);
    const own = view.buffer.pinned && isRowMajor(view) && view.offset === 0;
    if (own) return view;
    const place = this.#scratch(`output ${name}`, tensor.shape, tensor.dtype, true);
    this.calls.push(copyCall(view, place, this.#traits));
    return place;
  }

  /**
   * Writes the remaining updates. New values that are old values of other variables are saved before anything is
   * overwritten.
   */
  finishUpdates(updates: Program["updates"]): void {
    const rest = updates.filter(([variable]) => !this.#direct.has(variable));
    const saved = rest.map(([variable, value]) => {
      const view = this.#view(value);
      if (view.buffer.kind !== "variable") return view;
      const copy = this.#scratch(`new value of ${variable.name}`, value.shape, value.dtype);
      this.calls.push(copyCall(view, copy, this.#traits));
      return copy;
    });
    rest.forEach(([variable], i) => {
      this.calls.push(copyCall(saved[i]!, this.#home(variable, variable.shape), this.#traits));
    });
  }

  #home(variable: Variable, shape: Shape): View {
    const home = this.#homes.get(variable)!;
    return { ...wholeView(home.buffer, shape, variable.dtype, home.base), name: variable.name };
  }

  #sourceView(node: Node): View {
    const result = node.results[0]!;
    const { shape, dtype } = result;
    if (result instanceof Variable) return this.#home(result, shape);
    const span = spanOf(shape, dtype);
    if (node.op.source === "input") {
      const name = node.attrs["name"] as string;
      const known = this.inputs.get(name);
      const buffer = known?.buffer ?? virtualBuffer("input", `input ${name}`, span);
      if (!known) this.inputs.set(name, { tensor: result, buffer });
      return wholeView(buffer, shape, dtype);
    }
    const value = fullValue(result);
    const data = inMemory(value === undefined ? node.attrs["data"] : arrayOf[dtype].of(value), dtype);
    const bytes = new Uint8Array(value === undefined ? span : 16);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const buffer = virtualBuffer("constant", value === undefined ? "constant" : `constant ${value}`, bytes.length, {
      data: bytes,
    });
    if (value === undefined) return wholeView(buffer, shape, dtype);
    return { buffer, dtype, shape, strides: shape.map(() => 0), offset: 0, base: 0, span: 16 };
  }

  readonly #view = (tensor: Tensor): View => this.views.get(tensor)!;

  /** @param pinned whether a copy must last until the next run. */
  #contiguous(tensor: Tensor, pinned = false): View {
    const view = this.#view(tensor);
    // An axis of size 1 may have any stride, even a negative one.
    if (isRowMajor(view) && view.offset === 0) return { ...view, strides: rowMajor(view.shape) };
    const known = this.#copies.get(tensor);
    if (known) return known;
    const copy = this.#scratch(`row-major copy of ${tensor.node.op.name}`, tensor.shape, tensor.dtype, pinned);
    this.#push(copyCall(view, copy, this.#traits));
    this.#copies.set(tensor, copy);
    return copy;
  }

  readonly #scratch = (role: string, shape: Shape, dtype: DType, pinned = false): View =>
    wholeView(virtualBuffer("scratch", role, spanOf(shape, dtype), { pinned }), shape, dtype);

  readonly #constant: Lowering["constant"] = (role, shape, dtype, fill) => {
    const key = `${role} ${dtype}[${shape}]`;
    const known = this.#constants.get(key);
    if (known) return known;
    const data = new Uint8Array(spanOf(shape, dtype));
    const values = new arrayOf[dtype](dtype === "f16" ? new ArrayBuffer(2 * data.length) : data.buffer);
    fill(values);
    if (dtype === "f16") data.set(new Uint8Array(packHalves(values).buffer));
    const made = wholeView(virtualBuffer("constant", role, data.length, { data }), shape, dtype);
    this.#constants.set(key, made);
    return made;
  };

  #dies(tensor: Tensor, node: Node): boolean {
    const { buffer, base } = this.#view(tensor);
    const lastUse = this.#lastUse.get(baseOf(tensor)) ?? -1;
    return buffer.kind === "scratch" && !buffer.pinned && base === 0 && lastUse === this.#position.get(node);
  }

  #result(node: Node, i: number, over?: Tensor): View | undefined {
    const result = node.results[i]!;
    const known = this.views.get(result);
    if (known) return known;
    if (!this.#read.has(result)) return undefined;
    const isBeside = (k: number) => node.fusion?.keeps || kernelsOf(node.op)!.sideBySide?.(k);
    if (isBeside(i) && !this.#places.has(result)) {
      const own = node.results.filter((each, k) => isBeside(k) && this.#read.has(each) && !this.#places.has(each));
      this.#layOut(
        own,
        node.op.name,
        own.some((each) => this.#pinned.has(each)),
      );
    }
    let place = this.#places.get(result);
    const { shape, dtype } = result;
    const pinned = this.#pinned.has(result);
    if (!place && over && !pinned) place = wholeView(this.#view(over).buffer, shape, dtype);
    place ??= this.#scratch(node.results.length > 1 ? `${node.op.name}.${i}` : node.op.name, shape, dtype, pinned);
    place = { ...place, name: place.name ?? describe(node) };
    this.views.set(result, place);
    return place;
  }

  #lowering(node: Node, choices: Choice[]): Lowering {
    return {
      traits: { ...this.#traits, onChoice: (choice) => choices.push(choice) },
      view: this.#view,
      contiguous: (tensor) => this.#contiguous(tensor),
      result: (i, over) => this.#result(node, i, over),
      scratch: this.#scratch,
      constant: this.#constant,
      dies: (tensor) => this.#dies(tensor, node),
    };
  }
}

/** User-written WGSL of the pointwise ops that run in a node's kernels. */
function writtenOf({ op, fusion, attrs }: Node): readonly Written[] {
  const programs: (PointwiseProgram | undefined)[] = [fusion?.before, fusion?.after, attrs["program"]];
  return [op, ...programs.flatMap((program) => program?.steps?.map((step) => step.op) ?? [])].flatMap(
    (op) => kernelsOf(op)?.written ?? [],
  );
}

/** A node's ops as text: `matmul+add+relu of conv1`. */
function describe({ op, fusion, attrs, layer }: Node): string {
  const program: PointwiseProgram | undefined = fusion?.after ?? attrs["program"];
  const chain = program && nameOf(program);
  const own = op.name === "fused" ? [] : [op.name];
  return `${[...own, ...(chain ? [chain] : [])].join("+")}${layer && ` of ${layer}`}`;
}

const wholeView = (buffer: VirtualBuffer, shape: Shape, dtype: DType, base = 0): View => ({
  buffer,
  dtype,
  shape,
  strides: rowMajor(shape),
  offset: 0,
  base,
  span: spanOf(shape, dtype),
});

/**
 * WebGPU forbids one dispatch to bind a buffer both read-only and writable, even at disjoint ranges, as with neighbours
 * in an arena. Such reads go through a copy made just before.
 */
function separate(calls: readonly KernelCall[], traits: AdapterTraits): KernelCall[] {
  return calls.flatMap((call) => {
    const written = new Set(call.bindings.filter(({ access }) => access === "read_write").map(({ buffer }) => buffer));
    const copies: KernelCall[] = [];
    const bindings = call.bindings.map((binding): Binding => {
      if (binding.access !== "read" || !written.has(binding.buffer)) return binding;
      const shape = [binding.size / bytesPer("f32")];
      const from = wholeView(binding.buffer, shape, "u32", binding.offset);
      const to = wholeView(virtualBuffer("scratch", `copy of ${binding.buffer.role}`, binding.size), shape, "u32");
      copies.push({ ...copyCall(from, to, traits), layer: call.layer });
      return bind(to, "read");
    });
    return copies.length === 0 ? [call] : [...copies, { ...call, bindings }];
  });
}

/** Allowed ranges of integer inputs, found by following each op's input back to a program input. */
function boundsOf(nodes: readonly Node[]): Map<string, Bounds & { op: string }> {
  const found = new Map<string, Bounds & { op: string }>();
  for (const node of nodes) {
    for (const bounds of node.op.bounds?.(node) ?? []) {
      const base = baseOf(node.inputs[bounds.input]!);
      if (base.node.op.source !== "input") continue;
      const name = base.node.attrs["name"] as string;
      const known = found.get(name);
      const high = Math.min(bounds.high, known?.high ?? bounds.high);
      found.set(name, { ...bounds, high, op: node.op.name });
    }
  }
  return found;
}
