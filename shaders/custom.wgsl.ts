import { result, strided } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { sumOf } from "./lib/half.wgsl.ts";
import type { Kernel, Memory, Part, View } from "./lib/kernel.ts";
import { type Builtin, declaredIn, free, plainParameter, rename, wordsOf } from "./lib/print.ts";
import { type End, flatEnd } from "./lib/results.ts";
import type { Scalar } from "./lib/view.wgsl.ts";
import { indented, wgsl } from "./wgsl.ts";

/** A user's kernel, for given tensors. */
export interface Custom {
  readonly name: string;
  readonly inputs: readonly { readonly name: string; readonly view: View }[];
  /** With a single output, `end` stores it; with several, they have views. */
  readonly outputs: readonly { readonly name: string; readonly dtype: Scalar; readonly view?: View | undefined }[];
  readonly end?: End | undefined;
  readonly workgroup: readonly [number, number, number];
  /** Invocations along each axis that run the body; others return. Absent if the user gave `workgroups`. */
  readonly invocations?: readonly number[] | undefined;
  readonly constants: Readonly<Record<string, string>>;
  readonly memory: readonly Omit<Memory, "note">[];
  readonly functions: readonly string[];
  readonly body: string;
}

/** `fn x(i: u32) -> f32`: element i of an input in row-major order, whatever its memory layout. */
export const reading = (name: string, dtype: Scalar, element: string): string => wgsl`
fn ${name}(i: u32) -> ${sumOf(dtype)} {
  return ${element};
}`;

/** `fn y_store(i: u32, value: f32)`: stores element i of an output. */
export const storing = (name: string, dtype: Scalar, store: string): string => wgsl`
fn ${name}_store(i: u32, value: ${sumOf(dtype)}) {
  ${store}
}`;

/** The head of the function around a user's body. Its parameters are the built-in values that the body uses. */
export const heading = (name: string, own: readonly Builtin[]): string =>
  `fn ${name}_body(${own.map(plainParameter).join(", ")}) {`;

/** The body of the entry point: calls the user's body, unless the invocation is surplus. */
export const entering = (
  { name, invocations }: Pick<Custom, "name" | "invocations">,
  own: readonly Builtin[],
): string => {
  const within = (invocations ?? []).map((n, axis) => `id.${"xyz"[axis]!} >= ${n}u`);
  return wgsl`
    #if ${within.length > 0}
    if (${within.join(" || ")}) { return; }
    #endif
    ${name}_body(${own.join(", ")});`;
};

/** An input that the body reads by element. */
function read({ name, view }: Custom["inputs"][number]): Part {
  const part = strided(`${name}_data`, view);
  const element = part.accessors![`${name}_data`]!("i") as string;
  return { ...part, functions: [reading(name, view.dtype, element)] };
}

/** A kernel whose body, functions and names come from a user. */
export function custom(p: Custom, own: readonly Builtin[]): Kernel {
  const { name, inputs, outputs, end, workgroup, constants, memory } = p;
  const ends = end
    ? [
        flatEnd(
          end,
          1,
          1,
          (kind, i) => `${outputs[0]!.name}_${kind === "e" ? `with${i}` : i === 0 ? "data" : `data${i}`}`,
        ),
      ]
    : outputs.map(({ name, view }) => result(`${name}_data`, view!));
  // The epilogue may bring its own functions. User names that conflict with them are renamed.
  const brought = (ends as readonly Part[]).flatMap(({ functions = [] }) =>
    functions.flatMap((text) => declaredIn(typeof text === "string" ? text : text(1))),
  );
  const words = wordsOf([p.body, ...p.functions].join("\n"));
  const names = new Map(brought.map((other) => [other, free(`${name}_${other}`, (fresh) => words.has(fresh))]));
  const body = indented(wgsl`${p.body}`.trimEnd().split("\n")).join("\n");
  const stores = outputs.map(({ name, dtype }) =>
    storing(name, dtype, end ? "put(i, value);" : `${name}_data_put(i, value);`),
  );
  const made = kernel({
    workgroup,
    parts: [...inputs.map(read), ...ends],
    functions: stores,
    body: entering(p, own),
  });
  const renamed = (text: string): string => rename(text, names).trim();
  const reads = made.functions.slice(0, inputs.length);
  return {
    ...made,
    constants: Object.entries(constants).map(([name, value]) => ({
      name: names.get(name) ?? name,
      value,
      note: `of ${p.name}`,
    })),
    memory: memory.map((array) => ({ ...array, name: names.get(array.name) ?? array.name, note: `of ${p.name}` })),
    functions: [
      ...made.functions.slice(inputs.length),
      ...[...reads, ...p.functions.map((text) => wgsl`${text}`), `${heading(name, own)}\n${body}\n}`].map(renamed),
    ],
  };
}
