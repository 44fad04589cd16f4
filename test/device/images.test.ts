import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../src/data/index.ts";
import { load, Runner } from "../../src/exported/index.ts";
import {
  fromImageData,
  type ImageOptions,
  type ImageSource,
  imageReader,
  type Pixels,
} from "../../src/images/index.ts";
import { DeviceError, Engine, exportPrograms, FeedError, input, losses, mul, nn, optim } from "../../src/index.ts";
import { recover } from "../../src/recover/index.ts";

/*
 * Images as values on the GPU, compared with the same in float64 on the host. Sources that only a page has are tested
 * there.
 */

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const inPage = typeof document !== "undefined";
const [copyTarget, binding, copySource] = [0x02, 0x04, 0x01];
const random = randomStream(1);

function pixels(width: number, height: number, bytes = 4): Pixels {
  const data = Uint8Array.from({ length: width * height * bytes }, () => random.below(256));
  return { data, width, height };
}

/** What a program sees of a binding. */
async function seen(feed: Required<GPUBufferBinding>, shape: readonly number[]): Promise<Float32Array> {
  const program = await engine.compile({ outputs: { y: mul(input("x", shape), 1) } });
  const { y } = await program.compute({ x: feed });
  program.destroy();
  return y;
}

async function read(source: ImageSource | ImageSource[], options: ImageOptions): Promise<Float32Array> {
  const images = await imageReader(engine, options);
  const y = await seen(images.read(source), images.shape(Array.isArray(source) ? source.length : 1));
  images.destroy();
  return y;
}

/** What a call throws. */
function refusal(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The largest difference. */
const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
};

/** An f32 sum of products of factors up to 1 is this close to float64. */
const rounding = 2 ** -20;

describe("values agree with float64", () => {
  const plain: ImageOptions = { size: [5, 7] };
  const cases: Readonly<Record<string, readonly [Pixels | Pixels[], ImageOptions, number?]>> = {
    "as they are": [pixels(7, 5), plain],
    "cropped and smaller": [pixels(40, 13), plain],
    "cropped the other way": [pixels(9, 50), plain],
    padded: [pixels(31, 11), { ...plain, fit: "contain", background: [0.1, 0.5, 0.9] }],
    "stretched and larger": [pixels(3, 2), { ...plain, fit: "stretch" }],
    "one pixel": [pixels(1, 1), plain],
    "grey of colours": [pixels(20, 20), { ...plain, channels: 1 }],
    "colours of grey bytes": [pixels(20, 20, 1), plain],
    "three bytes per pixel": [pixels(21, 19, 3), { ...plain, layout: "NHWC" }],
    normalised: [pixels(16, 12), { ...plain, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }, 0.224],
    "one mean, NHWC": [pixels(16, 12), { ...plain, channels: 1, mean: 0.13, std: 0.31, layout: "NHWC" }, 0.31],
    "several images of several sizes": [[pixels(8, 8), pixels(30, 9, 3), pixels(2, 2, 1), pixels(30, 9, 3)], plain],
    "much smaller": [pixels(640, 480), { size: [28, 28], channels: 1 }],
  };
  test.each(Object.entries(cases))("%s", async (_, [source, options, std = 1]) => {
    expect(apart(await read(source, options), fromImageData(source, options))).toBeLessThan(rounding / std);
  });
});

test("a training step takes a batch from the GPU, and readers follow each other", async () => {
  nn.seed(1);
  const model = nn.sequential(nn.flatten(), nn.linear(36, 2));
  const x = input("x", [3, 1, 6, 6]);
  const loss = losses.crossEntropy(model(x, { training: true }), input("y", [3], "i32"));
  const step = await engine.compile({ outputs: { loss }, updates: optim.sgd({ lr: 0.1 }).minimize(loss) });
  const options: ImageOptions = { size: [6, 6], channels: 1, mean: 0.5, std: 0.25 };
  const images = await imageReader(engine, options);
  const y = Int32Array.from([0, 1, 1]);
  const batches = Array.from({ length: 4 }, () => [pixels(9, 9), pixels(12, 7), pixels(6, 6)]);
  // Not awaited: each batch is read while runs before it may still wait on the GPU.
  const runs = batches.map((batch) => step.compute({ x: images.read(batch), y }));
  const found = await Promise.all(runs.map(async (run) => (await run).loss[0]!));

  engine.write(model.variables.get("1.weight")!, model.variables.get("1.weight")!.initial);
  engine.write(model.variables.get("1.bias")!, model.variables.get("1.bias")!.initial);
  for (const [i, batch] of batches.entries()) {
    const { loss } = await step.compute({ x: fromImageData(batch, options), y });
    expect(found[i]!).toBeCloseTo(loss[0]!, 5);
  }
  images.destroy();
  step.destroy();
});

describe("textures of the app", () => {
  const from = (format: GPUTextureFormat, { data, width, height }: Pixels, on = engine.device): GPUTexture => {
    const usage = copyTarget | binding | copySource;
    const texture = on.createTexture({ size: [width, height], format, usage });
    const bytesPerRow = data.length / height;
    on.queue.writeTexture({ texture }, data as Uint8Array<ArrayBuffer>, { bytesPerRow }, [width, height]);
    return texture;
  };
  const options: ImageOptions = { size: [4, 4], background: [0, 1, 0] };

  test("are read as they are", async () => {
    const image = pixels(9, 6);
    const texture = from("rgba8unorm", image);
    expect(apart(await read(texture, options), fromImageData(image, options))).toBeLessThan(rounding);
    const swapped = image.data.slice();
    for (let i = 0; i < swapped.length; i += 4) [swapped[i], swapped[i + 2]] = [swapped[i + 2]!, swapped[i]!];
    const bgra = from("bgra8unorm", { ...image, data: swapped });
    expect(apart(await read(bgra, options), fromImageData(image, options))).toBeLessThan(rounding);
    const grey = pixels(8, 6, 1);
    expect(apart(await read(from("r8unorm", grey), options), fromImageData(grey, options))).toBeLessThan(rounding);
  });

  test("of an sRGB format are encoded again, so that values do not depend on the format", async () => {
    const image = pixels(6, 6);
    // Decoded and encoded by powers, which WGSL grants more error than products.
    expect(apart(await read(from("rgba8unorm-srgb", image), options), fromImageData(image, options))).toBeLessThan(
      1e-4,
    );
  });

  test("that no kernel can read are refused", async () => {
    const images = await imageReader(engine, options);
    const make = (own: Partial<GPUTextureDescriptor>) =>
      engine.device.createTexture({ size: [4, 4], format: "rgba8unorm", usage: binding, ...own });
    expect(() => images.read(make({ usage: copyTarget }))).toThrow(
      "read: the image, a GPUTexture, lacks the usage TEXTURE_BINDING",
    );
    expect(() => images.read([make({}), make({ format: "rgba8uint" })])).toThrow(
      "read: image 1, a GPUTexture, has the format rgba8uint, expected colours as numbers",
    );
    expect(() => images.read(make({ size: [4, 4, 4], dimension: "3d" }))).toThrow("has the dimension 3d, expected 2d");
    images.destroy();
  });

  test("of another device are an error of the next call", async () => {
    const other = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const images = await imageReader(engine, options);
    images.read(from("rgba8unorm", pixels(4, 4), other));
    await expect.poll(() => refusal(() => images.read(pixels(4, 4)))).toBeInstanceOf(DeviceError);
    const image = pixels(4, 4);
    expect(apart(await seen(images.read(image), [1, 3, 4, 4]), fromImageData(image, options))).toBeLessThan(rounding);
    images.destroy();
    other.destroy();
  });
});

test("a runner of exported programs reads images, too", async () => {
  const x = input("x", [1, 3, 4, 4]);
  const runner = await Runner.create();
  const { programs } = await load<{ double: "y" }>(runner, exportPrograms({ double: { outputs: { y: mul(x, 2) } } }));
  const images = await imageReader(runner, { size: [4, 4] });
  const image = pixels(9, 5);
  const { y } = await programs.double.compute({ x: images.read(image) });
  const expected = fromImageData(image, { size: [4, 4] }).map((value) => 2 * value);
  expect(apart(y, expected)).toBeLessThan(2 * rounding);
  runner.destroy();
});

test("a reader goes on after a lost device, on the engine's next one", async () => {
  const own = await Engine.create();
  const recovery = recover(own);
  const options: ImageOptions = { size: [3, 3] };
  const images = await imageReader(own, options);
  const program = await own.compile({ outputs: { y: mul(input("x", images.shape()), 1) } });
  const image = pixels(8, 8);
  await program.compute({ x: images.read(image) });
  own.device.destroy();
  await expect.poll(() => refusal(() => images.read(image))).toBeInstanceOf(DeviceError);
  await recovery.restored();
  const { y } = await program.compute({ x: images.read(image) });
  expect(apart(y, fromImageData(image, options))).toBeLessThan(rounding);
  own.destroy();
});

test("refuses what it cannot read, and says why", async () => {
  const images = await imageReader(engine, { size: [4, 4] });
  expect(() => images.read([])).toThrow("read: there is no image, expected at least one");
  expect(() => images.read("cat.png" as never)).toThrow('read: the image is "cat.png", expected an ImageData or');
  expect(() => images.read({ data: new Uint8Array(3), width: 1, height: 2 })).toThrow(
    "read: the image has 3 bytes for 1 × 2 pixels",
  );
  const wide = engine.device.limits.maxTextureDimension2D + 1;
  expect(() => images.read({ data: new Uint8Array(wide), width: wide, height: 1 })).toThrow(
    `read: the image has ${wide} × 1 pixels; this adapter takes ${wide - 1} along a side at most`,
  );
  images.destroy();
  expect(() => images.read(pixels(4, 4))).toThrow("read: this image reader has been destroyed");
  const own = await Engine.create();
  const reader = await imageReader(own, { size: [4, 4] });
  own.destroy();
  expect(() => reader.read(pixels(4, 4))).toThrow(DeviceError);
  await expect(imageReader(own, { size: [4, 4] })).rejects.toThrow(DeviceError);
  await expect(imageReader({} as never, { size: [4, 4] })).rejects.toThrow(
    "imageReader: the engine is an object, expected an Engine",
  );
});

describe.runIf(inPage)("sources of a page", () => {
  const options: ImageOptions = { size: [6, 8], background: [1, 1, 1] };

  /** A canvas with opaque rectangles of whole pixels, and what it shows. */
  function painted(): { canvas: OffscreenCanvas; image: Pixels } {
    const canvas = new OffscreenCanvas(16, 12);
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    for (let i = 0; i < 16; i++)
      for (let j = 0; j < 12; j++) {
        context.fillStyle = `rgb(${16 * i}, ${21 * j}, ${8 * i + 10 * j})`;
        context.fillRect(i, j, 1, 1);
      }
    return { canvas, image: context.getImageData(0, 0, 16, 12) };
  }

  test("ImageData, ImageBitmap, OffscreenCanvas, canvas, image, VideoFrame", async () => {
    const { canvas, image } = painted();
    const expected = fromImageData(image, options);
    const element = document.createElement("canvas");
    Object.assign(element, { width: 16, height: 12 });
    element.getContext("2d")!.drawImage(canvas, 0, 0);
    const picture = new Image();
    picture.src = element.toDataURL();
    await picture.decode();
    const bitmap = await createImageBitmap(canvas);
    const frame = new VideoFrame(canvas, { timestamp: 0 });
    for (const source of [image as ImageData, bitmap, canvas, element, picture, frame])
      expect(apart(await read(source, options), expected), String(source)).toBeLessThan(rounding);
    frame.close();
    const batch = await read([bitmap, image, canvas], options);
    expect(apart(batch, [...expected, ...expected, ...expected])).toBeLessThan(rounding);
  });

  test("a video that plays", async () => {
    const { canvas, image } = painted();
    const element = document.createElement("canvas");
    Object.assign(element, { width: 16, height: 12 });
    element.getContext("2d")!.drawImage(canvas, 0, 0);
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = element.captureStream();
    await video.play();
    // Colours of videos pass through fewer bits per channel than a canvas has.
    expect(apart(await read(video, options), fromImageData(image, options))).toBeLessThan(0.05);
    video.srcObject = null;
  });

  test("transparent strokes lie in front of the background", async () => {
    const canvas = new OffscreenCanvas(8, 6);
    const context = canvas.getContext("2d")!;
    context.fillStyle = "rgba(255, 0, 0, 0.5)";
    context.fillRect(0, 0, 4, 6);
    const y = await read(canvas, options);
    // Canvases multiply colours by the opacity and round them.
    expect(Math.abs(y[0]! - 1)).toBeLessThan(2 / 255);
    expect(Math.abs(y[48]! - 0.5)).toBeLessThan(2 / 255);
    expect(y[7]).toBeCloseTo(1, 6);
    expect(y[48 + 7]).toBeCloseTo(1, 6);
  });

  test("closed, empty and unloaded ones are refused", async () => {
    const images = await imageReader(engine, options);
    const { canvas } = painted();
    const bitmap = await createImageBitmap(canvas);
    bitmap.close();
    expect(() => images.read(bitmap)).toThrow("read: the image is closed, expected pixels");
    const frame = new VideoFrame(canvas, { timestamp: 0 });
    frame.close();
    expect(() => images.read(frame)).toThrow("read: the image is closed");
    expect(() => images.read(new OffscreenCanvas(0, 5))).toThrow("read: the image has 0 × 5 pixels");
    expect(() => images.read([canvas, new Image()])).toThrow("read: image 1 is not loaded: await its decode()");
    expect(() => images.read(document.createElement("video"))).toThrow("read: the image has no frame yet");
    expect(() => images.read(canvas)).not.toThrow(FeedError);
    images.destroy();
  });
});
