import { DeviceError, FeedError, LimitError, refuse, StateError, type TilegradError } from "../errors.ts";
import { inScopes, scoped } from "../gpu/scopes.ts";
import type { Runner } from "../runtime/runner.ts";
import { Desk, pipelineOf } from "./desk.ts";
import { formatOf, type ImageFormat, type ImageOptions } from "./options.ts";
import { checkSource, type ImageSource } from "./source.ts";

/**
 * Makes a reader that turns images into values for a program's input, on the engine's GPU: resized, as red, green and
 * blue or grey, and normalised. Nothing passes through the host, except pixels that are there already.
 *
 * ```ts
 * const images = await imageReader(engine, { size: [28, 28], channels: 1, mean: 0.1307, std: 0.3081 });
 * const { guess } = await program.compute({ x: images.read(canvas) }); // x: input("x", [1, 1, 28, 28])
 * ```
 *
 * Values are the encoded ones of sRGB, divided by 255, as files store them and torchvision's `ToTensor` gives them. An
 * image shrinks by averages and grows by bilinear interpolation, like torchvision's `resize` with antialiasing. Grey is
 * 0.299 red + 0.587 green + 0.114 blue. Results differ from `fromImageData`, which computes in float64, by less than
 * 2⁻²⁰ / std: products and sums in f32.
 * @param engine an Engine or Runner.
 * @throws AttributeError for options that do not fit.
 * @throws DeviceError when the engine is destroyed or its device lost, or when it computes with WebAssembly.
 */
export async function imageReader(engine: Runner, options: ImageOptions): Promise<ImageReader> {
  const op = "imageReader";
  if (typeof engine?.device?.createBuffer !== "function") refuse(op, "the engine", engine, "an Engine");
  const format = formatOf(op, options);
  engine.check();
  if (engine.backend === "wasm")
    throw new DeviceError(
      `${op}: textures need WebGPU, and this engine computes with WebAssembly (${engine.backendReason}): feed the pixels as numbers, with fromImageData`,
    );
  const { device, live } = engine;
  const create = () => device.createComputePipelineAsync(pipelineOf(device, format));
  const pipeline = await live.until(scoped(device, op, create));
  return new ImageReader(engine, format, new Desk(device, format, pipeline));
}

/** Reads images for one size and normalisation. Create it with `imageReader`. */
export class ImageReader {
  readonly #engine: Runner;
  readonly #format: ImageFormat;
  /** A new one after a recovery of the engine. */
  #desk: Desk;
  /** What the GPU refused after a `read` had returned, for the next one to throw. */
  #unreported: TilegradError | undefined;
  /** Textures of the app that the GPU has taken before. */
  readonly #known = new WeakSet<GPUTexture>();
  #isDestroyed = false;

  /** @internal */
  constructor(engine: Runner, format: ImageFormat, desk: Desk) {
    this.#engine = engine;
    this.#format = format;
    this.#desk = desk;
  }

  /** The shape of the values of `count` images. */
  shape(count = 1): number[] {
    const { channels, height, width, layout } = this.#format;
    return layout === "NCHW" ? [count, channels, height, width] : [count, height, width, channels];
  }

  /**
   * Reads an image, or a list of images of any sizes, one after the other.
   * @param sources a bitmap, canvas, video, frame or texture, as it is now; or pixels on the host. A GPUTexture is of
   * the engine's device and has the usage TEXTURE_BINDING; its mip level 0 of its first layer is read. For formats that
   * end in "-srgb", values are encoded again; others are taken as they are.
   * @returns where the values are on the GPU, for a program's input. They stay until the next `read`, which may come as
   * soon as `run` or `compute` has returned its promise. For two inputs at once, use two readers.
   * @throws FeedError for a source that is closed, not loaded, of size 0, or of another site. Nothing has been read.
   * @throws StateError after `destroy`.
   * @throws LimitError for a source larger than the adapter's textures, or more values than it binds.
   * @throws DeviceError when the engine is destroyed, its device lost, or the GPU refused an image of the last `read`,
   * such as a texture of another device.
   */
  read(sources: ImageSource | readonly ImageSource[]): Required<GPUBufferBinding> {
    const op = "read";
    if (this.#isDestroyed) throw new StateError(`${op}: this image reader has been destroyed`);
    this.#engine.check();
    const failure = this.#unreported;
    this.#unreported = undefined;
    if (failure) throw failure;
    const list = Array.isArray(sources) ? (sources as readonly ImageSource[]) : [sources as ImageSource];
    if (list.length === 0) throw new FeedError(`${op}: there is no image, expected at least one`);
    const { device, traits } = this.#engine;
    const able = { most: device.limits.maxTextureDimension2D, cpu: traits.cpu };
    const images = list.map((source, i) =>
      checkSource(op, Array.isArray(sources) ? `image ${i}` : "the image", source, able),
    );

    if (this.#desk.device !== device) this.#desk = new Desk(device, this.#format);
    const size = this.shape(list.length).reduce((product, n) => product * n, 4);
    if (size > traits.maxBinding)
      throw new LimitError(
        `${op}: ${list.length} images take ${size} bytes as values; this adapter binds ${traits.maxBinding} at most`,
      );
    const values = this.#desk.values(size);
    const each = (): void => {
      images.forEach((image, i) => this.#desk.draw(image, i, values));
    };
    const fresh = images.flatMap(({ texture }) => (texture && !this.#known.has(texture) ? texture : []));
    if (fresh.length === 0) each();
    else {
      const { error } = inScopes(device, op, each);
      void error.then((failure) => {
        this.#unreported ??= failure;
      });
      for (const texture of fresh) this.#known.add(texture);
    }
    return { buffer: values, offset: 0, size };
  }

  /** Frees the reader's memory on the GPU. Values that a program has taken are no longer needed then. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#desk.destroy();
  }
}
