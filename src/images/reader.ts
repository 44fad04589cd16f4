import { imageKernel } from "../../shaders/images.wgsl.ts";
import { FeedError, refuse, type TilegradError } from "../errors.ts";
import { textureUsage, usage } from "../gpu/flags.ts";
import { inScopes, scoped } from "../gpu/scopes.ts";
import type { Runner } from "../runtime/runner.ts";
import { formatOf, type ImageFormat, type ImageOptions, luma } from "./options.ts";
import { type Taps, tapsOf } from "./resample.ts";
import { type Checked, checkSource, type ImageSource } from "./source.ts";

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
 * @throws DeviceError when the engine is destroyed or its device lost.
 */
export async function imageReader(engine: Runner, options: ImageOptions): Promise<ImageReader> {
  const op = "imageReader";
  if (typeof engine?.device?.createBuffer !== "function") refuse(op, "the engine", engine, "an Engine");
  const format = formatOf(op, options);
  engine.check();
  const { device } = engine;
  const code = imageKernel({ ...format, luma });
  const pipeline = await engine.until(
    scoped(device, op, () => {
      // A layout of our own, since "auto" would refuse textures that no sampler may filter.
      const entries = [
        { binding: 0, visibility: 4, texture: { sampleType: "unfilterable-float" as const } },
        { binding: 1, visibility: 4, buffer: { type: "uniform" as const } },
        { binding: 2, visibility: 4, buffer: { type: "read-only-storage" as const } },
        { binding: 3, visibility: 4, buffer: { type: "read-only-storage" as const } },
        { binding: 4, visibility: 4, buffer: { type: "storage" as const } },
      ];
      const layout = device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] });
      const module = device.createShaderModule({ label: op, code });
      return device.createComputePipelineAsync({ label: op, layout, compute: { module } });
    }),
  );
  return new ImageReader(engine, format, pipeline);
}

/** Reads images for one size and normalisation. Create it with `imageReader`. */
export class ImageReader {
  readonly #engine: Runner;
  readonly #format: ImageFormat;
  readonly #pipeline: GPUComputePipeline;
  readonly #image: GPUBuffer;
  /** Where sources that are no textures are copied to, until one of another size or format comes. */
  #texture: GPUTexture | undefined;
  #columns: GPUBuffer | undefined;
  #rows: GPUBuffer | undefined;
  /** The size that the tables belong to. */
  #tables: { readonly key: string; readonly columns: Taps; readonly rows: Taps } | undefined;
  #values: GPUBuffer | undefined;
  /** What the GPU refused after a `read` had returned, for the next one to throw. */
  #unreported: TilegradError | undefined;
  /** Textures of the app that the GPU has taken before. */
  readonly #known = new WeakSet<GPUTexture>();
  #isDestroyed = false;

  /** @internal */
  constructor(engine: Runner, format: ImageFormat, pipeline: GPUComputePipeline) {
    this.#engine = engine;
    this.#format = format;
    this.#pipeline = pipeline;
    this.#image = engine.device.createBuffer({ label: "image", size: 32, usage: usage.uniform | usage.copyTarget });
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
   * @throws LimitError for a source larger than the adapter's textures.
   * @throws DeviceError when the engine is destroyed, its device lost, or the GPU refused an image of the last `read`,
   * such as a texture of another device.
   */
  read(sources: ImageSource | readonly ImageSource[]): Required<GPUBufferBinding> {
    const op = "read";
    if (this.#isDestroyed) throw new FeedError(`${op}: this image reader has been destroyed`);
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

    const size = this.shape(list.length).reduce((product, n) => product * n, 4);
    // Programs bind whole vectors of four.
    this.#values = this.#sized(
      this.#values,
      "values of images",
      Math.ceil(size / 16) * 16,
      usage.storage | usage.copySource,
    );
    const values = this.#values;
    const isNew = images.some(({ texture }) => texture && !this.#known.has(texture));
    const each = (): void => {
      images.forEach((image, i) => this.#draw(image, i, values));
    };
    if (isNew) {
      const { error } = inScopes(this.#engine.device, op, each);
      void error.then((failure) => {
        this.#unreported ??= failure;
      });
      for (const { texture } of images) if (texture) this.#known.add(texture);
    } else each();
    return { buffer: values, offset: 0, size };
  }

  /** Frees the reader's memory on the GPU. Values that a program has taken are no longer needed then. */
  destroy(): void {
    this.#isDestroyed = true;
    for (const memory of [this.#image, this.#texture, this.#columns, this.#rows, this.#values]) memory?.destroy();
  }

  /** Computes the values of one image. Each is submitted by itself, so that images can share the texture. */
  #draw(image: Checked, index: number, values: GPUBuffer): void {
    const { device } = this.#engine;
    const { height, width, channels } = this.#format;
    const texture = image.texture ?? this.#textureFor(image);
    image.write(device.queue, texture);
    const { columns, rows } = this.#tablesFor(image);
    const numbers = [index * channels * height * width, columns.count, rows.count, +image.isGrey, +image.isLinear];
    device.queue.writeBuffer(this.#image, 0, new Uint32Array(numbers));
    const view = texture.createView({ dimension: "2d", mipLevelCount: 1, arrayLayerCount: 1 });
    const resources = [view, ...[this.#image, this.#columns!, this.#rows!, values].map((buffer) => ({ buffer }))];
    const group = device.createBindGroup({
      layout: this.#pipeline.getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(Math.ceil(width / 8), Math.ceil(height / 8));
    pass.end();
    device.queue.submit([encoder.finish()]);
  }

  #textureFor({ width, height, format }: Checked): GPUTexture {
    const last = this.#texture;
    if (last?.width === width && last.height === height && last.format === format) return last;
    last?.destroy();
    // A browser may copy an image to a texture by drawing it there.
    const { copyTarget, binding, renderAttachment } = textureUsage;
    const size = [width, height];
    this.#texture = this.#engine.device.createTexture({ size, format, usage: copyTarget | binding | renderAttachment });
    return this.#texture;
  }

  #tablesFor({ width, height }: Checked): { readonly columns: Taps; readonly rows: Taps } {
    const key = `${width} ${height}`;
    if (this.#tables?.key === key) return this.#tables;
    const tables = { key, ...tapsOf({ width, height }, this.#format, this.#format.fit) };
    const of = (buffer: GPUBuffer | undefined, name: string, { table }: Taps): GPUBuffer => {
      const sized = this.#sized(buffer, name, 4 * table.length, usage.storage);
      this.#engine.device.queue.writeBuffer(sized, 0, Float32Array.from(table));
      return sized;
    };
    this.#columns = of(this.#columns, "columns of images", tables.columns);
    this.#rows = of(this.#rows, "rows of images", tables.rows);
    this.#tables = tables;
    return tables;
  }

  /** The buffer, or a larger one in its place. */
  #sized(buffer: GPUBuffer | undefined, label: string, size: number, kind: number): GPUBuffer {
    if (buffer && buffer.size >= size) return buffer;
    buffer?.destroy();
    return this.#engine.device.createBuffer({ label, size, usage: kind | usage.copyTarget });
  }
}
