import { baseOf } from "../../compile/memory.ts";
import { bytesPer, type DType, rowMajor, type Shape, sizeOf } from "../../graph/shape.ts";
import { type Node, type Tensor, Variable } from "../../graph/tensor.ts";
import type { Binding, KernelCall, PrintedCall, View, VirtualBuffer } from "../../kernels/call.ts";
import type { RecordedResult, RecordedTensor } from "../../recording/format.ts";
import type { Recorded } from "../recorded.ts";

/** A tensor at a moment of a run: what a kernel has written, or what was there before. */
export interface Moment extends Pick<RecordedTensor, "name" | "kind" | "layer" | "dispatch"> {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly buffer: VirtualBuffer;
  /** Bytes. */
  readonly offset: number;
  /** What it is the result of. */
  readonly node?: Node | undefined;
}

export const bytesOf = ({ shape, dtype }: Pick<Moment, "shape" | "dtype">): number => sizeOf(shape) * bytesPer(dtype);

/** What a kernel reads and writes, as places in the list of moments. */
interface Access {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

/** Follows the tensors of a program through its dispatches. Memory is shared, so one place holds several in turn. */
export class Moments {
  readonly all: Moment[] = [];
  /** Of each dispatch, for each of its kernels. */
  readonly accesses: (readonly Access[])[] = [];
  readonly outputs: { readonly name: string; readonly tensor: number }[];
  /** By buffer: what lies there now. */
  readonly #now = new Map<VirtualBuffer, number[]>();
  readonly #compiled: Recorded;

  constructor(compiled: Recorded) {
    this.#compiled = compiled;
    const { inputs, homes, calls, outputs } = compiled;
    for (const [name, { tensor, buffer }] of inputs)
      this.#put({
        shape: tensor.shape,
        dtype: tensor.dtype,
        name,
        kind: "input",
        layer: "",
        dispatch: null,
        buffer,
        offset: 0,
      });
    for (const [variable, { buffer, base }] of homes)
      this.#put({ ...whatOf(variable), kind: "variable", dispatch: null, buffer, offset: base });
    calls.forEach((call, i) => this.accesses.push((call.parts ?? []).map((part) => this.#visit(part, i))));
    this.outputs = Object.entries(outputs).map(([name, { buffer, base, shape, dtype }]) => {
      const known = this.#within(buffer, base, 1).find((i) => this.all[i]!.offset === base);
      const last = calls.length - 1;
      const made = { name, kind: "computed", layer: "", shape, dtype, buffer, offset: base, dispatch: last } as const;
      return { name, tensor: known ?? this.#put(made) };
    });
  }

  /** What a binding of a dispatch holds. */
  boundBy({ buffer, offset, size }: Binding, dispatch: number): Access {
    const lies = (i: number): boolean => {
      const moment = this.all[i]!;
      return moment.buffer === buffer && moment.offset < offset + size && offset < moment.offset + bytesOf(moment);
    };
    const among = (all: readonly number[]) => [...new Set(all.filter(lies))];
    const accesses = this.accesses[dispatch]!;
    return {
      reads: among(accesses.flatMap(({ reads }) => reads)),
      writes: among(accesses.flatMap(({ writes }) => writes)),
    };
  }

  /** Where the elements of a tensor of the fused graph are. */
  resultOf(tensor: Tensor): RecordedResult {
    const { shape, dtype } = tensor;
    const view = this.#compiled.views?.get(tensor);
    const at = view && this.#find(baseOf(tensor), view);
    if (at === undefined) return { shape, dtype };
    const { strides, offset } = view!;
    const plain = offset === 0 && rowMajor(shape).every((stride, i) => shape[i] === 1 || stride === strides[i]);
    return { shape, dtype, tensor: at, ...(!plain && { strides, offset }) };
  }

  #find(base: Tensor, { buffer, base: offset }: View): number | undefined {
    const here = [...this.all.keys()].filter((i) => this.all[i]!.buffer === buffer && this.all[i]!.offset === offset);
    const isOwn = ({ node, kind }: Moment): boolean =>
      base instanceof Variable ? kind === "variable" : kind !== "variable" && (!node || node === base.node);
    return here.findLast((i) => isOwn(this.all[i]!));
  }

  #put(moment: Moment): number {
    const { buffer, offset } = moment;
    const covered = new Set(this.#within(buffer, offset, bytesOf(moment)));
    const at = this.all.push(moment) - 1;
    this.#now.set(buffer, [...(this.#now.get(buffer) ?? []).filter((i) => !covered.has(i)), at]);
    return at;
  }

  /** Tensors that begin in a range of a buffer. */
  #within(buffer: VirtualBuffer, offset: number, size: number): number[] {
    return (this.#now.get(buffer) ?? []).filter((i) => {
      const begin = this.all[i]!.offset;
      return begin >= offset && begin < offset + size;
    });
  }

  #visit(part: KernelCall, dispatch: number): Access {
    const { kernel, bindings, node } = part;
    const buffers = kernel.buffers.map((buffer, i) => ({ binding: bindings[i]!, view: buffer.view! }));
    const { views } = this.#compiled;
    // A kernel that replaces what it reads binds it once, to read and write.
    const isRead = ({ access, buffer, offset, size }: Binding): boolean =>
      access === "read" ||
      node?.inputs.some((input) => {
        const view = views?.get(input);
        return view?.buffer === buffer && view.base >= offset && view.base < offset + size;
      }) === true;
    const reads = buffers.flatMap(({ binding, view }) => (isRead(binding) ? this.#readAt(binding, view) : []));
    const writes = buffers.flatMap(({ binding, view }) =>
      binding.access === "read" ? [] : this.#written(part, binding, view, dispatch, reads),
    );
    return { reads: [...new Set(reads)], writes };
  }

  #readAt({ buffer, offset, size }: Binding, view: View): number[] {
    const known = this.#within(buffer, offset, size);
    if (known.length > 0 || buffer.kind !== "constant") return known;
    const shape = view.strides.some((stride) => stride !== 0) ? view.shape : [];
    const { dtype } = view;
    return [
      this.#put({ name: buffer.role, kind: "constant", layer: "", shape, dtype, buffer, offset, dispatch: null }),
    ];
  }

  #written(
    { node, layer = "" }: KernelCall,
    { buffer, offset, size }: Binding,
    view: View,
    dispatch: number,
    reads: readonly number[],
  ): number[] {
    if (buffer.kind === "variable") {
      const homes = [...this.#compiled.homes].filter(
        ([, home]) => home.buffer === buffer && home.base >= offset && home.base < offset + size,
      );
      return homes.map(([variable, { base }]) =>
        this.#put({ ...whatOf(variable), kind: "updated", buffer, offset: base, dispatch, node }),
      );
    }
    const result = node?.results.find((result) => {
      const place = this.#compiled.views?.get(result);
      return place?.buffer === buffer && place.base === offset;
    });
    // A copy moves bits, of whatever type.
    const [source] = node || reads.length !== 1 ? [] : reads.map((i) => this.all[i]!);
    const copied = source && bytesOf(source) === bytesOf(view) ? source : undefined;
    const { shape, dtype } = result ?? copied ?? view;
    const name = copied
      ? `copy of ${copied.name}`
      : ((result && this.#compiled.views?.get(result)?.name) ?? view.name ?? buffer.role);
    return [this.#put({ name, kind: "computed", layer, shape, dtype, buffer, offset, dispatch, node })];
  }
}

const whatOf = (variable: Variable) => ({
  name: variable.name,
  layer: variable.node.layer,
  shape: variable.shape,
  dtype: variable.dtype,
});

/** The kernels of some dispatches, in order, each with its dispatch. */
export const partsOf = (calls: readonly PrintedCall[]): { part: KernelCall; dispatch: number }[] =>
  calls.flatMap(({ parts = [] }, dispatch) => parts.map((part) => ({ part, dispatch })));
