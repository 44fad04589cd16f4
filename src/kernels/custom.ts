import { custom, entering, heading, reading, storing } from "../../shaders/custom.wgsl.ts";
import { sumOf } from "../../shaders/lib/half.wgsl.ts";
import { type Memory, memoryOf } from "../../shaders/lib/kernel.ts";
import { type Builtin, builtins } from "../../shaders/lib/print.ts";
import { LimitError } from "../errors.ts";
import { labelShape, sizeOf } from "../graph/shape.ts";
import type { Attrs, Spec } from "../graph/tensor.ts";
import { bound, type KernelCall } from "./call.ts";
import { needsWorkgroup } from "./choose.ts";
import type { Kernels, Lowering, Work } from "./lowering.ts";
import { endOf, touched } from "./work.ts";
import { type Declared, names, type Own, written } from "./written.ts";

/** The sizes of a user's kernel for given tensors and options. */
export interface Sizes {
  readonly workgroup: readonly [number, number, number];
  readonly workgroups: readonly [number, number, number];
  /** How many invocations along each axis run the body; others return. Absent if the user gave `workgroups`. */
  readonly invocations?: readonly number[] | undefined;
  readonly constants: Readonly<Record<string, string>>;
  readonly memory: readonly Omit<Memory, "note">[];
  readonly flops: number;
}

/** Shapes and dtypes of inputs and outputs, by name. */
export type Specs = Readonly<Record<string, Spec>>;

/** A user's kernel definition. */
export interface Custom {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly wgsl: string;
  readonly functions: string;
  readonly declared: readonly Declared[];
  /** Whether all float inputs may be f16. */
  readonly halves: boolean;
  sizes(specs: Specs, options: Attrs): Sizes;
}

/** Runs a user's kernel. */
export const customKernels = (definition: Custom): Kernels => ({
  after: definition.outputs.length === 1,
  ...(definition.halves && { precision: "operands" }),
  lower: (work, to) => [customCall(definition, work, to)],
});

function customCall(definition: Custom, work: Work, to: Lowering): KernelCall {
  const { name, inputs, outputs, wgsl, declared } = definition;
  const { node } = work;
  // The op's own outputs: the node's results may be those of the epilogue.
  const own = node.op.infer(work.inputs, node.attrs);
  const specs = Object.fromEntries([
    ...inputs.map((name, i) => [name, work.inputs[i]!] as const),
    ...outputs.map((name, i) => [name, own[i]!] as const),
  ]);
  const sizes = definition.sizes(specs, node.attrs);
  const views = work.inputs.map((tensor) => to.view(tensor));
  const ended = outputs.length === 1 ? endOf(work, to, own[0]!.dtype) : undefined;
  const places =
    ended?.end.places ??
    own.map(({ shape, dtype }, i) => to.result(i) ?? to.scratch(`${name}.${outputs[i]}`, shape, dtype));
  // A kernel that counts in workgroups may have barriers: keep it apart from kernels without.
  const used = (["id", "group", "lane"] as const).filter(
    (builtin) => names(wgsl, builtin) || (builtin === "group" && !sizes.invocations),
  );
  const kernel = custom(
    {
      ...sizes,
      name,
      inputs: inputs.map((name, i) => ({ name, view: views[i]! })),
      outputs: outputs.map((name, i) => ({ name, dtype: own[i]!.dtype, view: places[i] })),
      end: ended?.end,
      functions: declared.map(({ text }) => text),
      body: wgsl,
    },
    used,
  );
  const { maxStorageBuffers: most, ...limits } = to.traits;
  const lacking = needsWorkgroup(limits, sizeOf(sizes.workgroup), memoryOf(kernel));
  if (lacking) throw new LimitError(`compile: ${name} needs ${lacking}`);
  if (kernel.buffers.length > most)
    throw new LimitError(
      `compile: ${name} binds ${kernel.buffers.length} buffers; this adapter allows ${most}; checkFinite, if on, takes one more`,
    );
  return {
    label: `${name}${labelShape(own[0]!.shape)}${ended?.label ?? `:${own[0]!.dtype}`}`,
    family: "custom",
    variant: name,
    ...bound(kernel),
    workgroups: sizes.workgroups,
    ...(sizes.invocations?.length === 1 && { invocations: sizes.invocations[0]! }),
    flops: sizes.flops + (ended?.flops ?? 0) * sizeOf(own[0]!.shape),
    bytes: [...views, ...(ended ? [] : places)].reduce((sum, view) => sum + touched(view), ended?.bytes ?? 0),
    written: [written(name, hintsOf(definition), () => alone(definition, specs, sizes, used))],
  };
}

/** How the text of a kernel reads and stores elements. */
const hintsOf = ({ inputs, outputs }: Custom) =>
  new Map([
    ...inputs.map((name) => [name, `element i of ${name} is ${name}(i)`] as const),
    ...outputs.map((name) => [name, `${name}_store(i, value) stores element i of ${name}`] as const),
  ]);

/** The user's text with just enough around it to compile alone. */
function alone(
  { name, inputs, outputs, functions, wgsl }: Custom,
  specs: Specs,
  sizes: Sizes,
  own: readonly Builtin[],
): readonly (string | Own)[] {
  const typed = (name: string) => sumOf(specs[name]!.dtype);
  const buffers = [...inputs, ...outputs].map(
    (name, i) =>
      `@group(0) @binding(${i}) var<storage, ${i < inputs.length ? "read" : "read_write"}> ${name}_data: array<${typed(name)}>;`,
  );
  return [
    ...Object.entries(sizes.constants).map(([name, value]) => `const ${name} = ${value};`),
    ...sizes.memory.map(({ name, type, length }) => `var<workgroup> ${name}: array<${type}, ${length}>;`),
    ...buffers,
    ...inputs.map((name) => reading(name, typed(name), `${name}_data[i]`)),
    ...outputs.map((name) => storing(name, typed(name), `${name}_data[i] = value;`)),
    `@compute @workgroup_size(${sizes.workgroup.join(", ")})`,
    `fn main(${own.map((name) => builtins[name]).join(", ")}) {`,
    entering({ name, invocations: sizes.invocations }, own),
    "}",
    ...(functions ? [{ what: "functions", text: functions }] : []),
    heading(name, own),
    { what: "wgsl", text: wgsl },
    "}",
  ];
}
