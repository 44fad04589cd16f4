import { imageKernel } from "../../shaders/images.wgsl.ts";
import { computeStage, textureUsage, usage } from "../gpu/flags.ts";
import { type ImageFormat, luma } from "./options.ts";
import { type Taps, tapsOf } from "./resample.ts";
import type { Checked } from "./source.ts";

/** The kernel of a reader on one device. */
export function pipelineOf(device: GPUDevice, format: ImageFormat): GPUComputePipelineDescriptor {
  const label = "imageReader";
  // A layout of our own: "auto" would refuse textures that no sampler may filter.
  const resources = [
    { texture: { sampleType: "unfilterable-float" as const } },
    { buffer: { type: "uniform" as const } },
    { buffer: { type: "read-only-storage" as const } },
    { buffer: { type: "read-only-storage" as const } },
    { buffer: { type: "storage" as const } },
  ];
  const entries = resources.map((resource, binding) => ({ binding, visibility: computeStage, ...resource }));
  const layout = device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] });
  const module = device.createShaderModule({ label, code: imageKernel({ ...format, luma }) });
  return { label, layout, compute: { module } };
}

/** What a reader keeps on one device: its kernel, and memory that grows as images need it. */
export class Desk {
  readonly device: GPUDevice;
  readonly #format: ImageFormat;
  readonly #pipeline: GPUComputePipeline;
  readonly #image: GPUBuffer;
  /** A texture for sources that are not textures. A source of another size or format replaces it. */
  #texture: GPUTexture | undefined;
  #columns: GPUBuffer | undefined;
  #rows: GPUBuffer | undefined;
  #values: GPUBuffer | undefined;
  /** What the tables hold, and for which size of images. */
  #tables: { readonly key: string; readonly columns: Taps; readonly rows: Taps } | undefined;

  constructor(device: GPUDevice, format: ImageFormat, pipeline?: GPUComputePipeline) {
    this.device = device;
    this.#format = format;
    this.#pipeline = pipeline ?? device.createComputePipeline(pipelineOf(device, format));
    this.#image = device.createBuffer({ label: "image", size: 32, usage: usage.uniform | usage.copyTarget });
  }

  /** A buffer for values. @param size in bytes. */
  values(size: number): GPUBuffer {
    // Programs bind whole vectors of four.
    const whole = Math.ceil(size / 16) * 16;
    this.#values = this.#sized(this.#values, "values of images", whole, usage.storage | usage.copySource);
    return this.#values;
  }

  /** Computes the values of image `index`. Each is submitted by itself, so that images can share the texture. */
  draw(image: Checked, index: number, values: GPUBuffer): void {
    const { device } = this;
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

  destroy(): void {
    for (const memory of [this.#image, this.#texture, this.#columns, this.#rows, this.#values]) memory?.destroy();
  }

  #textureFor({ width, height, format }: Checked): GPUTexture {
    const last = this.#texture;
    if (last?.width === width && last.height === height && last.format === format) return last;
    last?.destroy();
    // A browser may copy an image to a texture by drawing it there.
    const { copyTarget, binding, renderAttachment } = textureUsage;
    const size = [width, height];
    this.#texture = this.device.createTexture({ size, format, usage: copyTarget | binding | renderAttachment });
    return this.#texture;
  }

  #tablesFor({ width, height }: Checked): { readonly columns: Taps; readonly rows: Taps } {
    const key = `${width} ${height}`;
    if (this.#tables?.key === key) return this.#tables;
    const tables = { key, ...tapsOf({ width, height }, this.#format, this.#format.fit) };
    const of = (buffer: GPUBuffer | undefined, name: string, { table }: Taps): GPUBuffer => {
      const sized = this.#sized(buffer, name, 4 * table.length, usage.storage);
      this.device.queue.writeBuffer(sized, 0, Float32Array.from(table));
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
    return this.device.createBuffer({ label, size, usage: kind | usage.copyTarget });
  }
}
