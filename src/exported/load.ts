import { virtualBuffer } from "../compile/homes.ts";
import { plan } from "../compile/plan.ts";
import { drawnBy } from "../data/draw.ts";
import { FormatError, LimitError } from "../errors.ts";
import type { VirtualBuffer } from "../graph/op.ts";
import { sizeOf } from "../graph/shape.ts";
import { arrayOf, type FirstValues, Variable } from "../graph/tensor.ts";
import type { Program } from "../runtime/program.ts";
import type { Runner } from "../runtime/runner.ts";
import { type Exported, type ExportedProgram, type ExportedVariable, format, type Needs } from "./format.ts";

/** What was exported, ready to run. `P` gives the names of each program's outputs: `{ train: "loss" | "accuracy" }`. */
export interface Loaded<P extends Readonly<Record<string, string>>> {
  readonly programs: { readonly [K in keyof P]: Program<Readonly<Record<P[K], unknown>>> };
  /** Variables by the names under which they were exported: for `read`, `write` and `loadSafetensors`. */
  readonly variables: ReadonlyMap<string, Variable>;
}

/**
 * Loads programs that `exportPrograms` wrote: pipelines and buffers are made, variables get their first values. Two loads
 * share no variables.
 * @param file what was exported, parsed from its JSON.
 * @throws FormatError when the file is something else, or from an incompatible tilegrad.
 * @throws LimitError when the adapter lacks what every target of the file needs.
 */
export async function load<P extends Readonly<Record<string, string>> = Readonly<Record<string, string>>>(
  runner: Runner,
  file: unknown,
): Promise<Loaded<P>> {
  const found = (file as Partial<Exported> | null)?.format;
  if (found !== format) throw new FormatError(`load: the file says "${found}", expected "${format}": export it again`);
  const { arenas, variables, names, kernels, targets } = file as Exported;
  const lacks = targets.map(({ needs }) => lacking(needs, runner));
  const fits = targets.filter((_, i) => !lacks[i]);
  const target = fits.find(({ needs }) => needs.cpu === runner.traits.cpu) ?? fits[0];
  if (!target) throw new LimitError(`load: the adapter lacks what the programs need: ${lacks.join("; or ")}`);
  const memory = arenas.map(({ role, bytes }) => virtualBuffer("variable", role, bytes));
  const made = variables.map((variable) => new Variable(variable.name, variable, initial(variable), variable.group));
  const realized = await Promise.allSettled(
    Object.values(target.programs).map((program) => {
      const homes = program.variables.map((i) => {
        const [arena, base] = variables[i]!.home!;
        return [made[i]!, { buffer: memory[arena]!, base }] as const;
      });
      return runner.realize({ ...record(program, kernels, memory), homes: new Map(homes) });
    }),
  );
  const programs = realized.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = realized.find((result) => result.status === "rejected");
  if (failed) {
    for (const program of programs) program.destroy();
    throw failed.reason;
  }
  return {
    programs: Object.fromEntries(
      Object.keys(target.programs).map((name, i) => [name, programs[i]]),
    ) as unknown as Loaded<P>["programs"],
    variables: new Map(Object.entries(names).map(([name, i]) => [name, made[i]!])),
  };
}

/** What an adapter lacks of a target's needs, in words. */
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
    ...buffers.map(({ kind, role, bytes, data, ...more }) =>
      virtualBuffer(kind, role, bytes, { ...more, ...(data ? { data: bytesOf(data) } : {}) }),
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
  if ("bytes" in initial) return new arrayOf[dtype](bytesOf(initial.bytes).buffer);
  return initial.fill;
}

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
