import { fromBase64 } from "../bytes/base64.ts";
import { virtualBuffer } from "../compile/homes.ts";
import { plan } from "../compile/plan.ts";
import { drawnBy } from "../data/draw.ts";
import { DeviceError, FormatError, LimitError, quoted } from "../errors.ts";
import { sizeOf } from "../graph/shape.ts";
import { arrayOf, type FirstValues, Variable } from "../graph/tensor.ts";
import type { VirtualBuffer } from "../kernels/call.ts";
import { memoryOf } from "../runtime/inspection.ts";
import type { Program } from "../runtime/program.ts";
import type { Runner } from "../runtime/runner.ts";
import type { Exported, ExportedProgram, ExportedVariable, Needs } from "./format.ts";

/** Exported programs, ready to run. `P` gives the names of each program's outputs: `{ train: "loss" | "accuracy" }`. */
export interface Loaded<P extends Readonly<Record<string, string>>> {
  readonly programs: { readonly [K in keyof P]: Program<Readonly<Record<P[K], unknown>>> };
  /** Variables by their exported names, for `read`, `write` and `loadSafetensors`. */
  readonly variables: ReadonlyMap<string, Variable>;
}

export interface LoadOptions {
  /**
   * Most bytes that the file's buffers and first values may take together; default the largest buffer of the adapter. A
   * small file can ask for much memory.
   */
  readonly maxBytes?: number;
}

/**
 * Loads programs that `exportPrograms` wrote: creates pipelines and buffers, and gives variables their first values.
 * Two loads share no variables. The whole file is checked before it is used, but its kernels run as they are: trust
 * such a file as you would trust a script.
 * @param file the exported JSON, as text, bytes or parsed.
 * @throws FormatError with the path of the fault when the file is something else, damaged, or from an incompatible
 * tilegrad.
 * @throws LimitError when the adapter fits no target of the file, or the file asks for more than `maxBytes`.
 * @throws DeviceError when the GPU rejects a kernel.
 */
export async function load<P extends Readonly<Record<string, string>> = Readonly<Record<string, string>>>(
  runner: Runner,
  file: unknown,
  { maxBytes = runner.traits.maxBuffer }: LoadOptions = {},
): Promise<Loaded<P>> {
  const parsed = parse(file);
  // To keep pages small, the check is a separate bundle, like everything loaded on demand.
  const { faultIn } = await import("./check.ts");
  const fault = faultIn(parsed);
  if (fault) throw new FormatError(`load: ${fault}`);
  const { arenas, variables, names, kernels, targets } = parsed as Exported;
  const lacks = targets.map(({ needs }) => lacking(needs, runner));
  const fits = targets.filter((_, i) => !lacks[i]);
  const target = fits.find(({ needs }) => needs.cpu === runner.traits.cpu) ?? fits[0];
  if (!target) throw new LimitError(`load: the adapter lacks what the programs need: ${lacks.join("; or ")}`);
  const memory = arenas.map(({ role, bytes }) => virtualBuffer("variable", role, bytes));
  const records = Object.values(target.programs).map((program) => record(program, kernels, memory));
  const bytes = [
    ...arenas.map(({ bytes }) => bytes),
    ...records.map((recorded) => memoryOf({ ...recorded, homes: new Map() }).total),
    ...variables.map(({ shape }) => 4 * sizeOf(shape)),
  ].reduce((sum, bytes) => sum + bytes, 0);
  if (bytes > maxBytes) {
    throw new LimitError(
      `load: the file asks for ${bytes} bytes of memory, maxBytes is ${maxBytes}: raise it for a file you trust`,
    );
  }
  const made = variables.map((variable) => new Variable(variable.name, variable, initial(variable), variable.group));
  const realized = await Promise.allSettled(
    Object.values(target.programs).map((program, i) => {
      // Settle all variables of an arena together: a kernel may bind more of it than the variables it uses.
      const used = new Set(program.variables.map((i) => variables[i]!.home![0]));
      const homes = variables.flatMap(({ home }, i) =>
        home && used.has(home[0]) ? [[made[i]!, { buffer: memory[home[0]]!, base: home[1] }] as const] : [],
      );
      return runner.realize({ ...records[i]!, homes: new Map(homes) });
    }),
  );
  const programs = realized.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = realized.find((result) => result.status === "rejected");
  const error = failed?.reason ?? (await rehearse(runner, programs).catch((lost: unknown) => lost));
  if (error) {
    for (const program of programs) program.destroy();
    throw error;
  }
  return {
    programs: Object.fromEntries(
      Object.keys(target.programs).map((name, i) => [name, programs[i]]),
    ) as unknown as Loaded<P>["programs"],
    variables: new Map(Object.entries(names).map(([name, i]) => [name, made[i]!])),
  };
}

/** Parses JSON from text or bytes; other values pass unchanged. */
function parse(file: unknown): unknown {
  const isBytes = ArrayBuffer.isView(file) || /ArrayBuffer\]$/.test(Object.prototype.toString.call(file));
  if (!isBytes && typeof file !== "string") return file;
  let text = "";
  try {
    text = isBytes ? decoded(file as ArrayBufferView) : (file as string);
    return JSON.parse(text);
  } catch (cause) {
    const found = text ? `begins with ${quoted(text.slice(0, 40))}` : "has no text";
    throw new FormatError(`load: the file ${found}, expected JSON from exportPrograms`, { cause });
  }
}

/** Text of a buffer or a view of one. It copies, because browsers do not decode shared memory. */
function decoded(bytes: Partial<ArrayBufferView>): string {
  const { buffer = bytes as ArrayBuffer, byteOffset, byteLength } = bytes;
  return new TextDecoder().decode(new Uint8Array(buffer, byteOffset, byteLength).slice());
}

/** The GPU's validation error for the programs' commands, which are encoded but never submitted. */
async function rehearse(runner: Runner, programs: readonly Program[]): Promise<DeviceError | undefined> {
  runner.device.pushErrorScope("validation");
  for (const program of programs) program.encode().finish();
  const error = await runner.live.until(runner.device.popErrorScope());
  return error ? new DeviceError(`load: ${error.message}`) : undefined;
}

/** What the adapter lacks of a target's needs, in words. */
function lacking({ cpu: _, features, ...limits }: Needs, { traits }: Runner): string {
  return [
    ...features.filter((name) => !traits.features.has(name)),
    ...(Object.keys(limits) as (keyof typeof limits)[])
      .filter((name) => traits[name] < limits[name])
      .map((name) => `${name} ${limits[name]} (it has ${traits[name]})`),
  ].join(", ");
}

function record(
  { buffers, calls, inputs, outputs, bounds }: ExportedProgram,
  kernels: readonly string[],
  arenas: readonly VirtualBuffer[],
) {
  const all: VirtualBuffer[] = [
    ...arenas,
    ...buffers.map(({ kind, role, bytes, data, pinned }) =>
      virtualBuffer(kind, role, bytes, { pinned, ...(data ? { data: fromBase64(data) } : {}) }),
    ),
  ];
  const recorded = calls.map(({ kernel, bindings, ...call }) => ({
    ...call,
    wgsl: kernels[kernel]!,
    bindings: bindings.map(([buffer, offset, size, written]) => ({
      buffer: all[buffer]!,
      offset,
      size,
      access: written ? ("read_write" as const) : ("read" as const),
    })),
  }));
  const nothing = () => "";
  return {
    ...plan(recorded),
    calls: recorded,
    inputs: new Map(Object.entries(inputs).map(([name, at]) => [name, { tensor: at, buffer: all[at.buffer]! }])),
    outputs: Object.fromEntries(
      Object.entries(outputs).map(([name, at]) => [name, { ...at, buffer: all[at.buffer]! }]),
    ),
    bounds: new Map(Object.entries(bounds)),
    guard: undefined,
    updated: [],
    stages: { built: nothing, simplified: nothing, fused: nothing },
  };
}

function initial({ shape, dtype, initial }: ExportedVariable): FirstValues {
  if ("drawing" in initial) return drawnBy(initial.drawing, sizeOf(shape));
  if ("bytes" in initial) return new arrayOf[dtype](fromBase64(initial.bytes).buffer);
  return initial.fill;
}
