import { type CompileOptions, compile, type Description, described } from "../compile/compile.ts";
import type { Home } from "../compile/homes.ts";
import { type ReplaceKernel, withTexts } from "../compile/replace.ts";
import { AttributeError, checkHas, optionsOf, refuse } from "../errors.ts";
import { type DeviceOptions, deviceOptions, type OpenDevice, openDevice } from "../gpu/device.ts";
import type { Tensor, Update, Variable } from "../graph/tensor.ts";
import { loadExtra } from "../kernels/extra.ts";
import type { AdapterTraits, Forced } from "../kernels/traits.ts";
import type { Finding } from "../tune/index.ts";
import type { TuningStore } from "../tune/store.ts";
import type { Program } from "./program.ts";
import type { Recorded } from "./recorded.ts";
import { Runner } from "./runner.ts";
import { Tuning } from "./tuning.ts";

export interface EngineOptions extends DeviceOptions {
  /**
   * Forces kernel variants by family, e.g. `{ matmul: "naive" }`, for tests and measurements. `compile` throws where
   * one does not fit; `{ matmul: { ifFits: "tiled" } }` lets the engine choose there, and so does `{ "*": "naive" }`,
   * which stands for all families. Default none.
   */
  readonly variants?: Forced;
  /**
   * Makes every kernel check what it stores for NaN and infinity. Reading an output then rejects with a NonFiniteError
   * that names the kernel and the tensor where the first one arose; default false.
   */
  readonly checkFinite?: boolean;
  /**
   * Where to keep the fastest variants (see `tuning`): any store of tilegrad/store; in Node, `tuningFile()` or
   * `folderStore(path)` of tilegrad/node. Default IndexedDB in browsers, opened by the first `compile` that tunes. A
   * store given here is read at once.
   */
  readonly tuningStore?: TuningStore;
  /** Checks every kernel variant against the reference first (a few seconds) and avoids wrong ones; default false. */
  readonly selfCheck?: boolean;
}

/** Whether `compile` measures kernel variants on this adapter. */
export interface TuneOptions {
  /** Whether to measure; default false. A function is called with each finding. */
  readonly tune?: boolean | ((finding: Finding) => void);
}

/** Which kernels a program runs. */
export interface KernelOptions {
  /** Forces kernel variants in this program, beside those that the engine forces; default none. See `variants` of EngineOptions. */
  readonly variants?: Forced;
  /**
   * Gives a kernel another text; default none. It is called with each kernel; for a string, the program runs that in its place, with
   * the same bindings and workgroups. Nobody checks what the text computes. Kernels do not share dispatches then, so
   * that each has a text of its own.
   */
  readonly replaceKernel?: ReplaceKernel;
}

/** A runner that also compiles: where most programs start. */
export class Engine extends Runner {
  /** The kernel variants that were measured to be the fastest on this adapter. */
  readonly tuning: Tuning;
  readonly #checkFinite: boolean;

  /**
   * Opens a GPU; without one in hardware, the CPU computes with WebAssembly: see `backend` of the options.
   * @param options the app's own `device`, or where to get one; default `navigator.gpu`.
   * @throws DeviceError when there is none of what the options ask for; the message says what to do.
   * @throws AttributeError for unknown variants; the message lists the known ones.
   */
  static override async create(options: EngineOptions = {}): Promise<Engine> {
    const { variants, checkFinite, tuningStore, selfCheck, ...where } = optionsOf("Engine.create", options, {
      ...deviceOptions,
      variants: undefined,
      checkFinite: false,
      tuningStore: undefined,
      selfCheck: false,
    });
    await checkVariants("Engine.create", variants);
    checkHas("Engine.create", "tuningStore", tuningStore, "read", "a store, such as opfsStore()");
    const open = await openDevice(where);
    const tuning = new Tuning(open.name, tuningStore);
    if (tuningStore) await tuning.load();
    const avoid = selfCheck ? await faults(open) : undefined;
    const measured = { tuned: tuning.table, timed: tuning.times };
    const traits = { ...open.traits, ...measured, forced: variants, avoid };
    const extra = await loadExtra(traits);
    return new Engine({ ...open, traits: { ...traits, extra } }, tuning, checkFinite);
  }

  private constructor(open: OpenDevice, tuning: Tuning, checkFinite: boolean) {
    super(open);
    this.tuning = tuning;
    this.#checkFinite = checkFinite;
  }

  /**
   * Compiles a description into a program: passes, pipelines, buffers, bind groups. Programs may share variables, and
   * equal kernels are compiled once.
   *
   * @param description `outputs`, values to read after a run, and `updates`, variables with their next values.
   * @param options `checkFinite` checks for NaN and infinity, default as in the engine; `tune` first measures which
   * kernel variants are fastest here and remembers them, default false; `variants` forces some; `replaceKernel` gives
   * kernels other texts; `simplify` and `fuse` can be turned off.
   * @throws ShapeError, DTypeError, FeedError or StateError for updates or inputs that do not fit.
   * @throws AttributeError when a forced kernel variant is unknown or does not fit.
   * @throws LimitError when a tensor is larger than the adapter allows, or is f16 and the adapter has no f16.
   * @throws DeviceError when a kernel does not compile, with its label; in a text of yours, with line and column.
   */
  async compile<O extends Readonly<Record<string, Tensor>>>(
    description: { readonly outputs?: O; readonly updates?: readonly Update[] },
    options: CompileOptions & TuneOptions & KernelOptions = {},
  ): Promise<Program<O>> {
    this.check();
    const parts = described(description as Description);
    const { checkFinite, tune, variants, replaceKernel, ...wanted } = optionsOf("compile", options, {
      checkFinite: this.#checkFinite,
      tune: undefined,
      variants: undefined,
      replaceKernel: undefined,
      simplify: true,
      fuse: true,
      merge: true,
    });
    const passes = { ...wanted, merge: wanted.merge && !replaceKernel };
    await checkVariants("compile", variants);
    if (replaceKernel !== undefined && typeof replaceKernel !== "function")
      refuse("compile", "replaceKernel", replaceKernel, "a function of a kernel");
    if (tune) {
      const { tune: measure } = await import("../tune/index.ts");
      const calls = (tuned: ReadonlyMap<string, string>) =>
        compile(parts, { ...this.traits, tuned }, this.residence.homes, {
          ...passes,
          merge: false,
        }).calls;
      const { live } = this;
      await live.until(measure(this.tuning, { ...live, compile: calls }, tune));
    }
    const watched: Partial<typeof import("./watch.ts")> = checkFinite ? await import("./watch.ts") : {};
    const extra = variants ? await loadExtra({ forced: variants }) : {};
    this.check();
    const again = (adapter: AdapterTraits, homes: ReadonlyMap<Variable, Home>): Recorded => {
      const traits = variants ? { ...adapter, extra, forced: { ...adapter.forced, ...variants } } : adapter;
      const compiled = compile(parts, traits, homes, { ...passes, ...watched });
      const calls = replaceKernel ? withTexts(compiled.calls, replaceKernel) : compiled.calls;
      return { ...compiled, calls, Watch: watched.Watch, again };
    };
    return this.realize(again(this.traits, this.residence.homes));
  }
}

async function checkVariants(who: string, variants: Forced | undefined): Promise<void> {
  const fault = variants && (await import("../selfcheck/check.ts")).unknownVariant(variants);
  if (fault) throw new AttributeError(`${who}: variants: ${fault}`);
}

/** `family/variant`s that compute wrong results on the device. */
async function faults({ device, owned }: OpenDevice): Promise<ReadonlySet<string>> {
  // Loaded on demand, like the tuner and the guard. The package ships each as a separate bundle: if a page shared a
  // module with them, it would keep all exports of that module.
  const { selfCheck } = await import("../selfcheck/check.ts");
  const { faults } = await selfCheck({ device }).catch((error) => {
    if (owned) device.destroy();
    throw error;
  });
  return new Set(faults.map(({ family, variant }) => `${family}/${variant}`));
}
