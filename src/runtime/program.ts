import { checkList, DeviceError, FeedError, NonFiniteError, noSuch, StateError } from "../errors.ts";
import type { LiveDevice } from "../gpu/live.ts";
import { scoped } from "../gpu/scopes.ts";
import { inMemory } from "../graph/half.ts";
import { bytesPer, type DType, sizeOf } from "../graph/shape.ts";
import type { Tensor, TensorData } from "../graph/tensor.ts";
import type { VirtualBuffer } from "../kernels/call.ts";
import type { Recording } from "../recording/format.ts";
import type { RecordOptions } from "../recording/options.ts";
import { type Binder, type Bound, Commands } from "./commands.ts";
import { checkFeeds, type Fed, type Feeds, wordsOf } from "./feeds.ts";
import { type Inspection, inspectionOf, type Memory, memoryOf, type Profile } from "./inspection.ts";
import type { Keeper } from "./keeper.ts";
import { Output, typed } from "./output.ts";
import type { Memories, Place, Recorded } from "./recorded.ts";
import { type Kept, Steps } from "./steps.ts";
import type { Watch } from "./watch.ts";

/** What `compute` and `read` return: a new typed array for each output. */
export type Results<O, K extends keyof O = keyof O> = { readonly [N in K]: TensorData<Known<O[N]>> };

/** The dtype of a compiled tensor; any dtype where only the output's name is known. */
type Known<T> = T extends Tensor<infer D> ? D : DType;

/** The outputs of a program, with the dtypes of the compiled tensors. */
export type Outputs<O> = { readonly [K in keyof O]: Output<Known<O[K]>> };

/** What a program needs of the runner that made it. */
interface Host extends Binder {
  readonly live: LiveDevice;
  readonly keeper: Keeper | undefined;
  /** Throws where the device is gone. */
  check(): void;
  forget(program: Program): void;
}

/**
 * A compiled program: `run` replays its dispatches over prepared pipelines, buffers and bind groups. Created by
 * `engine.compile`.
 */
export class Program<O extends Readonly<Record<string, unknown>> = Readonly<Record<string, unknown>>> {
  /** Results by the names given to `compile`. */
  readonly outputs: Outputs<O>;
  /** @internal */
  compiled!: Recorded;
  /** @internal */
  memories!: Memories;
  /**
   * @internal Why this program can no longer run, although others can.
   */
  fault: Error | undefined;
  readonly #runner: Host;
  #commands!: Commands;
  /** Memory for many steps in one submission. */
  #steps!: Steps;
  /** The commands of the last run; absent before the first one on this device. */
  #latest: Bound | undefined;
  #destroyed = false;
  /** Present where kernels check for NaN and infinity. */
  #watch: Watch | undefined;

  /** @internal */
  constructor(runner: Host, compiled: Recorded, pipelines: readonly GPUComputePipeline[], memories: Memories) {
    this.#runner = runner;
    this.attach(compiled, pipelines, memories);
    const made = Object.fromEntries(
      Object.entries(compiled.outputs).map(([name, view]) => [
        name,
        new Output(
          name,
          view.shape,
          view.dtype,
          async () => (await this.read([name as keyof O & string]))[name]!,
          () => {
            this.#check();
            const { buffer, base } = this.compiled.outputs[name]!;
            return { buffer: this.memories.of(buffer), offset: base, size: wordsOf(view) };
          },
        ),
      ]),
    );
    // Inspectors read properties of their own, such as `then`; refuse only names that an output could have.
    this.outputs = new Proxy(made, {
      get: (outputs, name) =>
        typeof name !== "string" || name in outputs || /^[$_]|^(then|toJSON|nodeType|asymmetricMatch)$/.test(name)
          ? outputs[name as string]
          : unknownOutput("outputs", name, outputs),
    }) as unknown as Outputs<O>;
  }

  /**
   * @internal Binds the program to memory and pipelines of the runner's present device.
   */
  attach(compiled: Recorded, pipelines: readonly GPUComputePipeline[], memories: Memories): void {
    this.compiled = compiled;
    this.memories = memories;
    const { guard } = compiled;
    this.#watch = guard && new compiled.Watch!(guard, memories.of(guard.flag), this.#runner.live.device.queue);
    this.#steps = new Steps(this.#runner.live.device, compiled.inputs);
    this.#commands = new Commands({ compiled, memories, pipelines, steps: this.#steps }, this.#runner);
    this.#latest = this.fault = undefined;
  }

  /** Memory that the program takes. */
  get memory(): Memory {
    return memoryOf(this.compiled);
  }

  /**
   * Runs once: writes the inputs, then submits one compute pass. All updates take effect at its end. Resolves as soon
   * as the next run may follow, which can be before the GPU is done: awaiting every run does not stall the pipeline.
   *
   * Results stay on the GPU, where the next run overwrites them, whoever calls it. `compute` returns those of its own
   * run.
   *
   * @param feeds for each input a typed array, row-major, or GPU memory, which kernels read in place; see `Feeds`.
   * GPU memory that the program itself may write, such as its own output, is copied first.
   * @throws FeedError for missing, unknown or unfit feeds; nothing has been computed then.
   * @throws DeviceError when the engine is destroyed, its device lost, or an earlier run failed on the GPU.
   */
  async run(feeds: Feeds = {}): Promise<void> {
    const bound = this.#expect(feeds);
    await this.#act("run", [bound], () => {
      this.#begin(bound, feeds);
      this.#runner.live.device.queue.submit([this.encode([bound]).finish()]);
    });
    await this.#runner.live.throttle.submitted();
  }

  /**
   * Runs once for each element of a list, one after the other, in few submissions: the same results to the bit as that
   * many calls of `run`, for less time each. It pays in a browser where a step is short, as in a small network, whose
   * kernels take less time than a submission. Variables carry over from step to step, as in `lax.scan` of JAX.
   *
   * A submission holds about 15 ms of work, 64 steps and 4 MiB of inputs at most. Memory for these inputs is made by the
   * first call, and stays until `destroy`.
   * @param steps the feeds of each step, as for `run`. Leave their arrays alone until the promise has resolved.
   * @returns resolves as `run`, after the last step.
   * @throws FeedError for missing, unknown or unfit feeds of any step; nothing has been computed then.
   * @throws DeviceError as `run`; an unknown number of steps has been run then.
   */
  async runMany(steps: readonly Feeds[]): Promise<void> {
    const { live } = this.#runner;
    for (const { from, bounds, feeds } of this.#submissions("runMany", steps)) {
      if (bounds.length === 1) {
        await this.run(steps[from]);
        continue;
      }
      await this.#act("runMany", bounds, () => {
        this.#beginMany(bounds, feeds);
        live.device.queue.submit([this.encode(bounds).finish()]);
      });
      await this.#steps.check();
      await live.throttle.submitted(bounds.length);
    }
  }

  /**
   * Runs once and returns the results of this very run, whatever else is queued: calls may overlap. Feeds are copied
   * before it returns, so you may reuse their arrays at once.
   *
   * @param feeds as for `run`.
   * @param names the outputs to return; default all.
   * @returns new typed arrays by output name, row-major. Updates have taken effect, but outputs hold values from before
   * them.
   * @throws FeedError as `run`, and for an unknown output.
   * @throws NonFiniteError when the program checks for NaN and infinity, and one arose.
   * @throws DeviceError as `run`.
   */
  async compute<K extends keyof O & string>(feeds: Feeds = {}, names?: readonly K[]): Promise<Results<O, K>> {
    const places = this.#placesOf("compute", names);
    return (await this.#bringBack(places, [this.#expect(feeds)], [feeds]))[0]!;
  }

  /**
   * Runs once for each element of a list, like `runMany`, and returns the results of each step: the same to the bit as
   * that many calls of `compute`.
   * @param steps as for `runMany`.
   * @param names as for `compute`.
   * @returns for each step new typed arrays by output name, row-major.
   * @throws FeedError as `runMany`, and for an unknown output.
   * @throws NonFiniteError when the program checks for NaN and infinity, and one arose in any step: the first one.
   * @throws DeviceError as `runMany`.
   */
  async computeMany<K extends keyof O & string>(
    steps: readonly Feeds[],
    names?: readonly K[],
  ): Promise<Results<O, K>[]> {
    const places = this.#placesOf("computeMany", names);
    const all: Results<O, K>[] = [];
    for (const { bounds, feeds } of this.#submissions("computeMany", steps))
      all.push(...(await this.#bringBack<K>(places, bounds, feeds)));
    return all;
  }

  /**
   * Reads several outputs of the run submitted last.
   * @param names the outputs to return; default all.
   * @returns new typed arrays by output name, row-major.
   * @throws FeedError for an unknown output, StateError before the first run.
   * @throws NonFiniteError, DeviceError as `compute`.
   */
  async read<K extends keyof O & string>(names?: readonly K[]): Promise<Results<O, K>> {
    this.#check();
    const places = this.#placesOf("read", names);
    if (!this.#latest)
      throw new StateError("read: the program has not run yet on this device, so its outputs have no values");
    return (await this.#bringBack(places, [this.#latest]))[0]! as Results<O, K>;
  }

  /**
   * Runs once like `run`, with each kernel in its own pass, and times the kernels with the GPU's clock.
   * @returns labels, layers and milliseconds in execution order, and the clock's resolution: 65.5 µs in Chrome.
   * @throws DeviceError when the adapter has no timestamp queries; otherwise as `run`.
   */
  async profile(feeds: Feeds = {}): Promise<Profile> {
    // Few programs are ever profiled, so the profiler loads on demand.
    const { profile } = await import("../gpu/profiler.ts");
    const bound = this.#expect(feeds);
    const read = async (buffer: GPUBuffer, bytes: number) =>
      (await this.#runner.live.readBytes([{ buffer, offset: 0, bytes }]))[0]!;
    const { device } = this.#runner.live;
    const { spans, resolutionMs } = await scoped(device, nameOf("profile", bound), () => {
      this.#begin(bound, feeds);
      return profile(device, this.#commands.dispatchesOf(bound), read);
    });
    const kernels = this.compiled.calls.map(({ label, layer }, i) => {
      const [begin, end] = spans[i]!;
      return { label, layer, ms: end - begin };
    });
    return { kernels, resolutionMs };
  }

  /**
   * Runs once like `run`, and records everything about this run as plain JSON: the graph after each pass, dispatches
   * with their WGSL and choices, times, memory, and statistics of all tensors. The page "Look inside" of the demos shows
   * such a recording, and `toChromeTrace` of tilegrad/recording makes a trace for Perfetto of it.
   *
   * It is a run: updates take effect. Each kernel runs in a pass of its own, and what it writes is copied for the
   * statistics, which needs GPU memory for all tensors at once.
   * @param feeds as for `run`.
   * @returns see `Recording`: times in milliseconds, memory in bytes.
   * @throws AttributeError for wrong options, LimitError where the GPU has no memory for the copies; otherwise as `run`.
   */
  async record(feeds: Feeds = {}, options: RecordOptions = {}): Promise<Recording> {
    // Like the profiler, the recorder loads on demand.
    const { record, checked } = await import("./record/record.ts");
    const settings = checked(options);
    const bound = this.#expect(feeds);
    const { live } = this.#runner;
    const recording = await scoped(live.device, nameOf("record", bound), () =>
      record(
        {
          live,
          compiled: this.compiled,
          dispatches: this.#commands.dispatchesOf(bound),
          placeOf: (buffer) => this.#commands.placeOf(buffer, bound),
          begin: () => this.#begin(bound, feeds),
          encode: () => this.encode([bound]),
        },
        settings,
      ),
    );
    await live.throttle.submitted();
    return recording;
  }

  /** Graph, kernels with their WGSL, buffers with their lifetimes, memory. Costs nothing until called. */
  inspect(): Inspection {
    return inspectionOf(this.compiled);
  }

  /** Frees the program's own buffers. Variables stay: they belong to the engine. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    for (const buffer of this.memories.own) buffer.destroy();
    this.#steps.destroy();
    this.#commands.forget();
    this.#runner.forget(this as Program);
  }

  /** Checks the program and its feeds before anything else happens. @returns the commands that read these feeds. */
  #expect(feeds: Feeds): Bound {
    this.#check();
    return this.#commands.boundTo(this.#given(feeds));
  }

  /** Checks feeds. @returns those that are GPU memory. @param op the caller in errors. */
  #given(feeds: Feeds, op?: string): ReadonlyMap<VirtualBuffer, Fed> {
    const { live, keeper } = this.#runner;
    const fed = checkFeeds(this.compiled, feeds, live.device.limits.minStorageBufferOffsetAlignment, op);
    for (const [{ role }, { buffer }] of fed) keeper?.fed(role, buffer);
    return fed;
  }

  /** Checks all steps, then divides them into submissions. Each is to be made before the next is asked for. */
  *#submissions(op: string, steps: readonly Feeds[]) {
    const { live } = this.#runner;
    this.#check();
    const given = checkList<Feeds>(op, "the list of steps", steps).map((feeds, i) =>
      this.#given(feeds, `${op}: step ${i}`),
    );
    for (let from = 0, count = 1; from < steps.length; from += count) {
      // Whoever waits for the next device must learn of the loss, even if the program is on that device meanwhile.
      live.check();
      this.#check();
      const room = Math.min(steps.length - from, this.#steps.most, live.throttle.together);
      // Memory of the program itself is copied before a run.
      const alone = given
        .slice(from, from + room)
        .findIndex((fed) => [...fed.values()].some((at) => this.#commands.owns(at)));
      count = Math.max(1, alone < 0 ? room : alone);
      const bounds =
        count === 1
          ? [this.#commands.boundTo(given[from]!)]
          : given.slice(from, from + count).map((fed, step) => this.#commands.inStep(step, fed));
      yield { from, bounds, feeds: steps.slice(from, from + count) };
    }
  }

  /** Starts a run: writes or copies the inputs that are not read in place. */
  #begin(bound: Bound, feeds: Feeds): void {
    const { device } = this.#runner.live;
    this.#runner.keeper?.began(this.compiled.calls);
    for (const [name, { buffer: input, tensor }] of this.compiled.inputs) {
      const { buffer } = this.#commands.placeOf(input, bound);
      const fed = bound.fed.get(input);
      if (!fed) {
        const data = inMemory(feeds[name] as TensorData, tensor.dtype) as GPUAllowSharedBufferSource;
        device.queue.writeBuffer(buffer, 0, data);
      } else if (buffer !== fed.buffer) {
        const encoder = device.createCommandEncoder();
        encoder.copyBufferToBuffer(fed.buffer, fed.offset, buffer, 0, wordsOf(tensor));
        device.queue.submit([encoder.finish()]);
      }
    }
    this.#started(bound);
  }

  /** Starts several runs at once. */
  #beginMany(bounds: readonly Bound[], feeds: readonly Feeds[]): void {
    this.#runner.keeper?.began(this.compiled.calls);
    this.#steps.write(feeds);
    this.#started(bounds.at(-1)!);
  }

  #started(bound: Bound): void {
    this.#watch?.started();
    const ranBefore = this.#latest;
    this.#latest = bound;
    if (ranBefore) return;
    for (const variable of this.compiled.updated) variable.changed();
  }

  /**
   * @internal The commands of runs. @param idle binds everything but dispatches nothing; valid exactly when a run
   * is. @param after adds commands after each run.
   */
  encode(bounds: readonly Bound[] = [this.#commands.own], idle = false, after?: Kept["copy"]): GPUCommandEncoder {
    return this.#commands.encode(this.#runner.live.device, bounds, idle, after);
  }

  #areValid(bounds: readonly Bound[]): boolean {
    return bounds.every(({ validAt }) => validAt === this.#runner.live.errors);
  }

  /**
   * Acts on the GPU. Commands that were valid once stay valid, so error scopes, which cost as much as some dispatches,
   * are used only the first time and after errors that this program may have caused.
   */
  async #act<T>(call: string, bounds: readonly Bound[], act: () => T | Promise<T>): Promise<T> {
    if (this.#areValid(bounds)) return act();
    const { errors, device } = this.#runner.live;
    try {
      const value = await scoped(device, nameOf(call, bounds[0]!), act);
      for (const bound of bounds) bound.validAt = errors;
      return value;
    } catch (error) {
      await this.#steps.check();
      // A lack of memory may pass, and another feed may be valid; other invalid commands stay invalid.
      if (error instanceof DeviceError && bounds.includes(this.#commands.own)) this.fault ??= error;
      throw error;
    }
  }

  #placesOf(op: string, names: readonly string[] = Object.keys(this.compiled.outputs)): Map<string, Place> {
    const { outputs } = this.compiled;
    return new Map(
      checkList(op, "the list of outputs", names).map((name) => {
        const place = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
        if (place) return [name, place];
        return unknownOutput(op, name, outputs);
      }),
    );
  }

  /**
   * Reads outputs, all from one run: new runs with `feeds` if given, each with its own outputs. Where kernels check for
   * NaN, their flag is read too.
   */
  async #bringBack<K extends string>(
    places: ReadonlyMap<string, Place>,
    bounds: readonly Bound[],
    feeds?: readonly Feeds[],
  ): Promise<Results<O, K>[]> {
    const { live } = this.#runner;
    const watch = this.#watch;
    const results = [...places.values()].map((place) => this.#bytesOf(place));
    let kept: Kept | undefined;
    let finite: Promise<string | undefined> | undefined;
    const data = await this.#act(feeds ? "compute" : "read", bounds, () => {
      if (feeds) watch?.makeRoom(() => live.readBytes([watch.place]));
      if (bounds.length > 1) {
        this.#beginMany(bounds, feeds!);
        kept = this.#steps.keep(results, bounds.length);
      } else if (feeds) this.#begin(bounds[0]!, feeds[0]!);
      // Runs since the last check may have failed; an idle run fails for the same reason.
      const encoder = feeds || !this.#areValid(bounds) ? this.encode(bounds, !feeds, kept?.copy) : undefined;
      const read = live.readBytes([...(kept ? [kept.place] : results), ...(watch ? [watch.place] : [])], encoder);
      if (feeds) void live.throttle.submitted(bounds.length);
      finite = watch?.check(read, feeds !== undefined);
      finite?.catch(() => {}); // Awaited below unless the read fails.
      return read;
    });
    // An error that arrived with the data may belong to the run that produced it.
    if (!this.#areValid(bounds))
      await this.#act("read", bounds, () => live.device.queue.submit([this.encode(bounds, true).finish()]));
    if (kept) await this.#steps.check();
    const fault = await finite;
    if (fault) throw new NonFiniteError(fault);
    return bounds.map((_, step) => {
      const bytes = kept ? kept.of(data[0]!, step) : data;
      return Object.fromEntries([...places].map(([name, { dtype }], i) => [name, typed(bytes[i]!, dtype)])) as Results<
        O,
        K
      >;
    });
  }

  #bytesOf({ buffer, base, shape, dtype }: Place) {
    return { buffer: this.memories.of(buffer), offset: base, bytes: sizeOf(shape) * bytesPer(dtype) };
  }

  #check(): void {
    this.#runner.check();
    if (this.#destroyed) throw new DeviceError("the program has been destroyed");
    if (this.fault) throw this.fault;
  }
}

function unknownOutput(op: string, name: string, outputs: object): never {
  throw new FeedError(`${op}: ${noSuch("output", name, Object.keys(outputs))}`);
}

/** The name of a call in errors. */
const nameOf = (call: string, { given }: Bound): string =>
  [call, ...[...given.keys()].map(({ role }) => `${role} from a GPUBuffer`)].join(", ");
