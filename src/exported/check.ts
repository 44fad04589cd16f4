import { alignUp, bindingStep, spanOf } from "../compile/homes.ts";
import { quoted } from "../errors.ts";
import {
  below,
  count,
  Fault,
  type Form,
  fail,
  fields,
  list,
  member,
  named,
  number,
  oneOf,
  text,
  typed,
  wants,
  whole,
} from "../forms.ts";
import { bytesPer, sizeOf } from "../graph/shape.ts";
import { arrayOf, type Spec } from "../graph/tensor.ts";
import { type Exported, type ExportedProgram, type ExportedVariable, format, type Needs } from "./format.ts";

/*
 * A file of exported programs may come from anywhere, so all of it is checked before it is used: first the form of each
 * part, then how the parts fit together. Only the kernel texts are not checked.
 */

const shape: Form = (value, path) => {
  list(whole(1))(value, path);
  if (sizeOf(value) > 2 ** 43) fail(path, `is ${quoted(value)}, too large for any memory`);
};
const dtype = /* @__PURE__ */ oneOf(...Object.keys(arrayOf));
/** The largest buffer accepted: sums of such sizes are still exact. */
const bytes = /* @__PURE__ */ whole(4, 2 ** 45, 4);
const spec = { shape, dtype };
const placed = { ...spec, buffer: count };

const fileForm = /* @__PURE__ */ fields({
  format: wants(`"${format}": export it again`, (value) => value === format),
  arenas: list(fields({ role: text, bytes })),
  variables: list(
    fields({
      ...spec,
      name: text,
      group: text,
      initial: fields({
        "fill?": number,
        "drawing?": fields({
          distribution: oneOf("uniform", "normal"),
          scale: number,
          seed: whole(-(2 ** 53)),
          stream: whole(-(2 ** 53)),
        }),
        "bytes?": text,
      }),
      "home?": list(count, 2),
    }),
  ),
  names: named(count),
  kernels: list(text),
  targets: list(
    fields({
      needs: fields({
        cpu: typed("boolean"),
        maxStorageBuffers: count,
        maxInvocations: count,
        maxWorkgroupBytes: count,
        maxWorkgroups: count,
        features: list(text),
      }),
      programs: named(
        fields({
          buffers: list(
            fields({
              kind: oneOf("input", "constant", "scratch"),
              role: text,
              bytes,
              "pinned?": typed("boolean"),
              "data?": text,
            }),
          ),
          calls: list(
            fields({
              label: text,
              "layer?": text,
              family: text,
              variant: text,
              kernel: count,
              bindings: list(list(count, 4)),
              workgroups: list(whole(1, 2 ** 32), 3),
              "invocations?": count,
              flops: number,
              bytes: number,
            }),
          ),
          inputs: named(fields(placed)),
          outputs: named(fields({ ...placed, base: whole(0, 2 ** 45, bindingStep) })),
          bounds: named(fields({ op: text, input: count, low: number, high: number, "except?": number })),
          variables: list(count),
        }),
      ),
    }),
  ),
});

/**
 * Checks every part of a file of exported programs.
 * @returns the first fault with its path, `targets[0].programs.step.calls[3].bindings[1] is …`, or `undefined` for a
 * sound file.
 */
export function faultIn(file: unknown): string | undefined {
  try {
    check(file);
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
}

function check(file: unknown): void {
  fileForm(file, "");
  const exported = file as Exported;
  const { variables, names, targets } = exported;
  checkHomes(exported);
  for (const [i, variable] of variables.entries()) checkInitial(variable, `variables[${i}].initial`);
  for (const [name, i] of Object.entries(names)) below(variables.length, i, member("names", name));
  if (targets.length === 0) fail("targets", "are empty, expected at least one");
  const uses: Uses = new Map();
  for (const [i, { programs, needs }] of targets.entries()) {
    const path = `targets[${i}].programs`;
    if (interfaceOf(programs) !== interfaceOf(targets[0]!.programs)) {
      fail(path, "differ from those of targets[0] in their names, inputs or outputs");
    }
    for (const [name, program] of Object.entries(programs))
      checkProgram(program, member(path, name), exported, needs, uses);
  }
  checkKernels(exported, uses);
}

/** For each kernel: how its first call binds its buffers, and the path of that call. */
type Uses = Map<number, { readonly bound: string; readonly path: string }>;

/** Every kernel text must be distinct and used by a call. The text itself is not checked. */
function checkKernels({ kernels }: Exported, uses: Uses): void {
  const known = new Map<string, number>();
  for (const [i, text] of kernels.entries()) {
    if (!text.trim()) fail(`kernels[${i}]`, "is empty, expected a shader");
    if (known.has(text)) fail(`kernels[${i}]`, `is the same text as kernels[${known.get(text)}]`);
    if (!uses.has(i)) fail(`kernels[${i}]`, "is a kernel that no call runs");
    known.set(text, i);
  }
}

/** What a page sees of the programs. */
function interfaceOf(programs: Exported["targets"][number]["programs"]): string {
  const shown = (specs: Readonly<Record<string, Spec>>) => [
    Object.entries(specs)
      .map(([name, { shape, dtype }]) => [name, shape, dtype])
      .sort(),
  ];
  return JSON.stringify(
    Object.entries(programs)
      .map(([name, { inputs, outputs }]) => [name, shown(inputs), shown(outputs)])
      .sort(),
  );
}

/** The variables of an arena must follow each other without gaps and fill it. */
function checkHomes({ arenas, variables }: Exported): void {
  const homes = arenas.map((): { base: number; end: number; path: string }[] => []);
  for (const [i, { home, shape, dtype }] of variables.entries()) {
    if (!home) continue;
    const [arena, base] = home;
    const path = `variables[${i}].home`;
    below(arenas.length, arena, `${path}[0]`);
    if (base % bindingStep > 0) fail(`${path}[1]`, `is ${base}, expected a multiple of ${bindingStep}`);
    homes[arena]!.push({ base, end: base + spanOf(shape, dtype), path });
  }
  for (const [i, { bytes }] of arenas.entries()) {
    let last = 0;
    for (const { base, end, path } of homes[i]!.sort((a, b) => a.base - b.base)) {
      if (base !== alignUp(last))
        fail(path, `begins at ${base}, expected ${alignUp(last)}, right after the variable before it`);
      last = end;
    }
    if (bytes !== last) fail(`arenas[${i}].bytes`, `is ${bytes}, but its variables end at ${last}`);
  }
}

function checkInitial({ shape, dtype, initial }: ExportedVariable, path: string): void {
  const { fill, drawing, bytes } = initial as { fill?: number; drawing?: unknown; bytes?: string };
  const [, second] = [fill, drawing, bytes].filter((given) => given !== undefined);
  if (second !== undefined || (fill ?? drawing ?? bytes) === undefined)
    fail(path, "must hold exactly one of fill, drawing and bytes");
  const isFloat = arrayOf[dtype] === Float32Array;
  if (drawing && !isFloat) fail(`${path}.drawing`, `cannot draw ${dtype}`);
  if (bytes !== undefined) checkBase64(bytes, 4 * sizeOf(shape), `${path}.bytes`);
  if (fill === undefined) return;
  const held = arrayOf[dtype].of(fill)[0]!;
  if (isFloat ? !Number.isFinite(held) : held !== fill) fail(`${path}.fill`, `is ${fill}, which ${dtype} cannot hold`);
}

function checkBase64(text: string, bytes: number, path: string): void {
  const letters = text.replace(/={1,2}$/, "");
  if (text.length % 4 > 0 || /[^A-Za-z0-9+/]/.test(letters)) fail(path, `is ${quoted(text)}, expected base64`);
  const held = Math.floor((letters.length * 3) / 4);
  if (held !== bytes) fail(path, `holds ${held} bytes, expected ${bytes}`);
}

function checkProgram(
  { buffers, calls, inputs, outputs, bounds, variables }: ExportedProgram,
  path: string,
  { arenas, variables: all, kernels }: Exported,
  needs: Needs,
  uses: Uses,
): void {
  const memory = [
    ...arenas.map(({ bytes }, i) => ({ kind: "variable", bytes, pinned: true, path: `arenas[${i}]` })),
    ...buffers.map((buffer, i) => ({ ...buffer, path: `${path}.buffers[${i}]` })),
  ];
  /** Used bytes of each buffer. */
  const reached = new Map<number, number>();
  for (const [i, variable] of variables.entries()) {
    below(all.length, variable, `${path}.variables[${i}]`);
    const { home } = all[variable]!;
    if (!home) fail(`${path}.variables[${i}]`, `is ${variable}, a variable without a home`);
    reached.set(home[0], arenas[home[0]]!.bytes);
  }
  for (const { kind, data, bytes, path } of memory.slice(arenas.length) as ((typeof buffers)[number] & {
    path: string;
  })[]) {
    if ((kind === "constant") !== (data !== undefined))
      fail(path, "is a constant without data, or has data but is not a constant");
    if (data !== undefined) checkBase64(data, bytes, `${path}.data`);
  }
  for (const [name, { shape, dtype, buffer }] of Object.entries(inputs)) {
    const at = member(`${path}.inputs`, name);
    below(memory.length, buffer, `${at}.buffer`);
    const { kind, bytes } = memory[buffer]!;
    if (kind !== "input" || reached.has(buffer)) fail(`${at}.buffer`, `is ${buffer}, expected an input's own buffer`);
    if (bytes !== spanOf(shape, dtype)) fail(at, `takes ${spanOf(shape, dtype)} bytes, but its buffer has ${bytes}`);
    reached.set(buffer, bytes);
  }
  for (const [i, { kernel, bindings, workgroups }] of calls.entries()) {
    const at = `${path}.calls[${i}]`;
    below(kernels.length, kernel, `${at}.kernel`);
    if (bindings.length > needs.maxStorageBuffers) fail(`${at}.bindings`, `exceed the target's needs`);
    if (Math.max(...workgroups) > needs.maxWorkgroups) fail(`${at}.workgroups`, `exceed the target's needs`);
    // A shader declares the access of its bindings, so all its calls must agree.
    const bound = bindings.map(([, , , written]) => (written ? "writes" : "reads")).join(", ") || "binds nothing";
    const first = uses.get(kernel) ?? { bound, path: at };
    if (first.bound !== bound) fail(at, `${bound}; ${first.path} runs the same kernel, but ${first.bound}`);
    uses.set(kernel, first);
    let writes = 0;
    for (const [j, [buffer, offset, size, written]] of bindings.entries()) {
      const here = `${at}.bindings[${j}]`;
      below(memory.length, buffer, `${here}[0]`);
      const { kind, bytes } = memory[buffer]!;
      if (offset % bindingStep > 0 || size % 4 > 0 || size === 0 || offset + size > bytes || written > 1) {
        fail(here, `is ${quoted([buffer, offset, size, written])}, which is not a range of a buffer of ${bytes} bytes`);
      }
      if (/input|variable/.test(kind) && !reached.has(buffer))
        fail(here, `binds a buffer that the program does not have`);
      if (!written && kind === "scratch" && !reached.has(buffer)) fail(here, "reads a buffer that nothing has written");
      if (written && /input|constant/.test(kind)) fail(here, `writes to a buffer of kind ${kind}`);
      const other = bindings
        .slice(0, j)
        .find(
          ([other, from, length, also]) =>
            other === buffer &&
            (written || also) &&
            !(written && also && (from + length <= offset || offset + size <= from)),
        );
      if (other) fail(here, "overlaps a binding that the call writes");
      reached.set(buffer, Math.max(reached.get(buffer) ?? 0, offset + size));
      if (written) writes += size;
    }
    // Any more could only keep the GPU busy.
    if (workgroups[0] * workgroups[1] * workgroups[2] > writes)
      fail(`${at}.workgroups`, "are more than the bytes they write");
  }
  for (const [name, { shape, dtype, buffer, base }] of Object.entries(outputs)) {
    const at = member(`${path}.outputs`, name);
    below(memory.length, buffer, `${at}.buffer`);
    const { bytes, kind, pinned } = memory[buffer]!;
    if (!reached.has(buffer)) fail(`${at}.buffer`, `is ${buffer}, which nothing writes`);
    if (kind === "scratch" && !pinned) fail(`${at}.buffer`, `is ${buffer}, which is not pinned`);
    if (base + sizeOf(shape) * bytesPer(dtype) > bytes) fail(at, `ends after the ${bytes} bytes of its buffer`);
  }
  for (const [i, { bytes, path }] of memory.entries()) {
    const used = reached.get(i) ?? 0;
    // The last of several tensors in one buffer may have padding after it.
    if (i >= arenas.length && (used === 0 || bytes > alignUp(used))) {
      fail(`${path}.bytes`, `is ${bytes}, but only ${used} are used`);
    }
  }
  for (const name of Object.keys(bounds)) {
    const dtype = Object.hasOwn(inputs, name) && inputs[name]!.dtype;
    if (!dtype || arrayOf[dtype] === Float32Array)
      fail(member(`${path}.bounds`, name), "bounds something that is not an integer input");
  }
}
