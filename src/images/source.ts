import { FeedError, LimitError, show } from "../errors.ts";
import { textureUsage } from "../gpu/flags.ts";
import { checkPixels, isPixels, type Pixels } from "./host.ts";

/** What an image reader reads. */
export type ImageSource =
  | Pixels
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLVideoElement
  | VideoFrame
  | GPUTexture;

/** A source after a check. */
export interface Checked {
  readonly width: number;
  readonly height: number;
  /** Whether red stands for all three colours. */
  readonly isGrey: boolean;
  /** Whether a texture of the app gives linear light. */
  readonly isLinear: boolean;
  /** A texture of the app, or the format of one to write to, and how. */
  readonly texture?: GPUTexture;
  readonly format: GPUTextureFormat;
  write(queue: GPUQueue, texture: GPUTexture): void;
}

/** What an adapter can do. */
export interface Able {
  /** Most pixels along one side of a texture. */
  readonly most: number;
  /** Whether it is the CPU. */
  readonly cpu: boolean;
}

/** Where each kind of source has its width and height. */
const sizes: Readonly<Record<string, readonly [width: string, height: string]>> = {
  ImageBitmap: ["width", "height"],
  HTMLImageElement: ["naturalWidth", "naturalHeight"],
  HTMLCanvasElement: ["width", "height"],
  OffscreenCanvas: ["width", "height"],
  HTMLVideoElement: ["videoWidth", "videoHeight"],
  VideoFrame: ["displayWidth", "displayHeight"],
};

const expected =
  "an ImageData or { data, width, height }, an ImageBitmap, an image, a canvas, a video, a VideoFrame or a GPUTexture";

/** Refuses a source that cannot be read now. @param name the source in errors. */
export function checkSource(op: string, name: string, source: ImageSource, { most, cpu }: Able): Checked {
  const checked = kindOf(op, name, source, cpu);
  const { width, height } = checked;
  if (Math.max(width, height) > most)
    throw new LimitError(
      `${op}: ${name} has ${width} × ${height} pixels; this adapter takes ${most} along a side at most`,
    );
  return checked;
}

function kindOf(op: string, name: string, source: ImageSource, cpu: boolean): Checked {
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  if (isPixels(source)) return fromPixels(op, name, source);
  if (typeof (source as GPUTexture | undefined)?.createView === "function")
    return fromTexture(op, name, source as GPUTexture);
  const places = sizes[kind];
  if (!places) throw new FeedError(`${op}: ${name} is ${show(source)}, expected ${expected}`);
  const [width, height] = places.map((place) => (source as unknown as Record<string, number>)[place]!) as [
    number,
    number,
  ];
  if (!(width > 0 && height > 0)) {
    const why = {
      ImageBitmap: "is closed",
      VideoFrame: "is closed",
      HTMLImageElement: "is not loaded: await its decode()",
      HTMLVideoElement: "has no frame yet: await its loadeddata event",
    }[kind];
    throw new FeedError(`${op}: ${name} ${why ?? `has ${width} × ${height} pixels`}, expected pixels`);
  }
  const write = (queue: GPUQueue, texture: GPUTexture): void => {
    try {
      // Chrome's GPU process crashes if it is to copy a frame of a video to a software adapter; a canvas takes it.
      const isFrame = kind === "VideoFrame" || kind === "HTMLVideoElement";
      const from = cpu && isFrame ? drawn(source as VideoFrame, width, height) : (source as ImageBitmap);
      queue.copyExternalImageToTexture({ source: from }, { texture, colorSpace: "srgb" }, [width, height]);
    } catch (error) {
      const { name: fault, message } = error as DOMException;
      const why =
        fault === "SecurityError"
          ? "shows what another site may not read: serve it from this site, or with CORS and crossOrigin set"
          : `cannot be read: ${message}`;
      throw new FeedError(`${op}: ${name} (${kind}) ${why}`, { cause: error });
    }
  };
  return { width, height, isGrey: false, isLinear: false, format: "rgba8unorm", write };
}

function drawn(frame: VideoFrame, width: number, height: number): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")!.drawImage(frame, 0, 0, width, height);
  return canvas;
}

function fromPixels(op: string, name: string, source: Pixels): Checked {
  const bytes = checkPixels(op, name, source);
  const { data, width, height } = source;
  const write = (queue: GPUQueue, texture: GPUTexture): void => {
    const texels = bytes === 3 ? opaque(data) : data;
    const bytesPerRow = texels.length / height;
    queue.writeTexture({ texture }, texels as GPUAllowSharedBufferSource, { bytesPerRow }, [width, height]);
  };
  return { width, height, isGrey: bytes === 1, isLinear: false, format: bytes === 1 ? "r8unorm" : "rgba8unorm", write };
}

/** Red, green and blue with an opacity: no texture has three bytes per pixel. */
function opaque(data: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const texels = new Uint8Array((data.length / 3) * 4).fill(255);
  for (let i = 0, k = 0; i < data.length; i += 3, k += 4) {
    texels[k] = data[i]!;
    texels[k + 1] = data[i + 1]!;
    texels[k + 2] = data[i + 2]!;
  }
  return texels;
}

function fromTexture(op: string, name: string, texture: GPUTexture): Checked {
  const { width, height, format, dimension, sampleCount, usage } = texture;
  const fault =
    dimension !== "2d"
      ? `has the dimension ${dimension}, expected 2d`
      : sampleCount > 1
        ? `has ${sampleCount} samples per pixel, expected 1`
        : !(usage & textureUsage.binding)
          ? "lacks the usage TEXTURE_BINDING"
          : /uint|sint|depth|stencil|^(eac|etc2|astc|bc)/.test(format)
            ? `has the format ${format}, expected colours as numbers, such as rgba8unorm`
            : undefined;
  if (fault) throw new FeedError(`${op}: ${name}, a GPUTexture, ${fault}`);
  return {
    width,
    height,
    isGrey: /^r\d/.test(format),
    isLinear: format.endsWith("-srgb"),
    texture,
    format,
    write: () => {},
  };
}
