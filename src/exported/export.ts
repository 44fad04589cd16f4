import { toBase64 } from "../bytes/base64.ts";
import { type Compiled, compile, type Description, described } from "../compile/compile.ts";
import type { Home } from "../compile/homes.ts";
import type { Drawing } from "../data/draw.ts";
import { AttributeError, checkObject, LimitError, optionsOf } from "../errors.ts";
import { checkNamed, checkVariable, type Spec, type TensorData, type Variable } from "../graph/tensor.ts";
import type { VirtualBuffer } from "../kernels/call.ts";
import { type AdapterTraits, guaranteed } from "../kernels/traits.ts";
import { wasmVariants } from "../kernels/wasmVariants.ts";
import { unknownVariant } from "../selfcheck/registry.ts";
import { type Exported, type ExportedProgram, format, type Initial, type Needs } from "./format.ts";

/** A kind of adapter to export for. Traits left out default to what WebGPU guarantees. */
export type Target = Partial<AdapterTraits>;

/** What exported programs run on, and what they start from. */
export interface ExportOptions {
  /**
   * Kinds of adapters, the preferred first. Default: GPUs with ten storage buffers, as most have; the CPU, on software
   * adapters and in WebAssembly, unless an op of yours needs workgroup memory; and, for all others, GPUs with just what
   * WebGPU guarantees. The `traits` of an engine are a target too, including everything it has tuned.
   */
  readonly targets?: readonly Target[];
  /** Variables to read, write and save by name where the programs run, such as `nn.stateDict(model)`. Default none. */
  readonly variables?: ReadonlyMap<string, Variable>;
  /**
   * Values to start from instead of the first values, by variable (not by name), such as those of a trained model, read
   * with `engine.read`. The file includes them. Default none.
   */
  readonly values?: ReadonlyMap<Variable, TensorData>;
}

/** CPUs: software adapters, and WebAssembly if no op needs workgroup memory. */
const software: Target = { cpu: true, maxStorageBuffers: 10 };
const softwareOrWasm: Target = { ...software, maxWorkgroupBytes: 0 };

const common: readonly Target[] = [{ maxStorageBuffers: 10 }, softwareOrWasm, {}];

/**
 * Compiles programs for other adapters. Passes and kernels are pure functions, so this needs no GPU. The result is
 * JSON, which `load` of `tilegrad/exported` runs without the compiler.
 *
 * Initial values that tilegrad drew are drawn again on loading; all others are part of the file.
 * @param descriptions by program name. The programs share variables as those of one engine do.
 * @throws AttributeError when there are no targets, or one forces unknown kernel variants, or when a key of `values` is
 * no variable.
 * @throws StateError when an engine has changed a variable and `values` does not include it. Otherwise as
 * `engine.compile`, except for device limits.
 */
export function exportPrograms(
  descriptions: Readonly<Record<string, Description>>,
  options: ExportOptions = {},
): Exported {
  checkObject("exportPrograms", "the argument", descriptions, "{ name: { outputs, updates }, … }");
  const {
    targets,
    variables: named,
    values,
  } = optionsOf("exportPrograms", options, {
    targets: common,
    variables: new Map<string, Variable>(),
    values: new Map(),
  });
  checkNamed("exportPrograms: variables", named);
  for (const variable of values.keys()) checkVariable("exportPrograms: values", "a key", variable);
  if (targets.length === 0) {
    throw new AttributeError("exportPrograms: no targets, expected at least one");
  }
  for (const { forced = {} } of targets) {
    const fault = unknownVariant(forced);
    if (fault) throw new AttributeError(`exportPrograms: forced: ${fault}`);
  }
  const homes = new Map<Variable, Home>();
  const compiledFor = (target: Target) => {
    const traits = { ...guaranteed, extra: wasmVariants, ...target };
    const programs = mapValues(descriptions, (description) => {
      const program = compile(described(description), traits, homes);
      for (const [variable, home] of program.homes) homes.set(variable, home);
      return program;
    });
    return { traits, programs };
  };
  const compiled = targets.map((target) => {
    try {
      return compiledFor(target);
    } catch (error) {
      if (target === softwareOrWasm && error instanceof LimitError) return compiledFor(software);
      throw error;
    }
  });
  const variables = numbered<Variable>([...homes.keys(), ...named.values()]);
  const arenas = numbered<VirtualBuffer>([...homes.values()].map(({ buffer }) => buffer));
  const kernels = numbered<string>();
  const written = compiled.map(({ traits, programs }) => ({
    needs: needsOf(traits, Object.values(programs)),
    programs: mapValues(programs, (program) => exported(program, { kernels, variables, arenas })),
  }));
  return {
    format,
    arenas: [...arenas.keys()].map(({ role, bytes }) => ({ role, bytes })),
    variables: [...variables.keys()].map((variable) => {
      const { name, group, shape, dtype } = variable;
      const home = homes.get(variable);
      const at = home && ([numberOf(arenas, home.buffer), home.base] as const);
      return {
        name,
        group,
        shape,
        dtype,
        initial: initialOf(variable, values.get(variable)),
        ...(at ? { home: at } : {}),
      };
    }),
    names: Object.fromEntries([...named].map(([name, variable]) => [name, numberOf(variables, variable)])),
    targets: written,
    kernels: [...kernels.keys()],
  };
}

const mapValues = <T, R>(things: Readonly<Record<string, T>>, change: (thing: T) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(things).map(([name, thing]) => [name, change(thing)]));

/** Things by number, in order of first use. */
type Numbered<T> = Map<T, number>;

function numbered<T>(things: Iterable<T> = []): Numbered<T> {
  return new Map([...new Set(things)].map((thing, i) => [thing, i]));
}

function numberOf<T>(numbers: Numbered<T>, thing: T): number {
  const number = numbers.get(thing) ?? numbers.size;
  numbers.set(thing, number);
  return number;
}

interface Shared {
  readonly kernels: Numbered<string>;
  readonly variables: Numbered<Variable>;
  readonly arenas: Numbered<VirtualBuffer>;
}

function exported({ calls, inputs, outputs, bounds, homes }: Compiled, shared: Shared): ExportedProgram {
  const buffers = new Map(shared.arenas);
  const called = calls.map(
    ({ wgsl, bindings, choices, source, parts, features, elements, annotated, written, ...call }) => ({
      ...call,
      kernel: numberOf(shared.kernels, wgsl),
      bindings: bindings.map(
        ({ buffer, offset, size, access }) =>
          [numberOf(buffers, buffer), offset, size, access === "read" ? 0 : 1] as const,
      ),
    }),
  );
  const placed = ({ shape, dtype }: Spec, buffer: VirtualBuffer) => ({
    shape,
    dtype,
    buffer: numberOf(buffers, buffer),
  });
  return {
    calls: called,
    inputs: mapValues(Object.fromEntries(inputs), ({ tensor, buffer }) => placed(tensor, buffer)),
    outputs: mapValues(outputs, (view) => ({ ...placed(view, view.buffer), base: view.base })),
    bounds: Object.fromEntries(bounds),
    variables: [...homes.keys()].map((variable) => numberOf(shared.variables, variable)),
    // Last, when every buffer has its number.
    buffers: [...buffers.keys()].slice(shared.arenas.size).map(({ id: _, data, ...buffer }) => ({
      ...buffer,
      ...(data ? { data: toBase64(data) } : {}),
    })),
  };
}

/**
 * What the programs need from an adapter: their number of bindings, the features their kernels enable, the target's
 * limits.
 */
function needsOf(traits: AdapterTraits, programs: readonly Compiled[]): Needs {
  const { cpu, maxInvocations, maxWorkgroupBytes, maxWorkgroups, features } = traits;
  const calls = programs.flatMap(({ calls }) => calls);
  const enabled = new Set(calls.flatMap(({ features }) => features!));
  return {
    cpu,
    maxStorageBuffers: Math.max(0, ...calls.map(({ bindings }) => bindings.length)),
    maxInvocations,
    maxWorkgroupBytes,
    maxWorkgroups,
    features: [...features].filter((feature) => enabled.has(feature.replace("shader-", ""))),
  };
}

const remedy =
  "pass it to exportPrograms in `values`, a Map from variables to what engine.read gives, or export before training";

function initialOf(variable: Variable, given: TensorData | undefined): Initial {
  if (!given) variable.checkFirst(remedy, "was trained, written or freed in an engine");
  const { first } = variable;
  if (!given && typeof first === "object" && "drawing" in first) return { drawing: first.drawing as Drawing };
  const values = given ?? variable.initial;
  const [fill = 0] = values;
  // JSON has no negative zero, NaN or infinity.
  if (values.every((value) => Object.is(value, fill)) && Number.isFinite(fill) && !Object.is(fill, -0)) return { fill };
  return { bytes: toBase64(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) };
}
