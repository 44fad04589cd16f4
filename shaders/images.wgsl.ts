import { wgsl } from "./wgsl.ts";

export interface ImageKernel {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly layout: "NCHW" | "NHWC";
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly background: readonly number[];
  /** Weights of red, green and blue in grey. */
  readonly luma: readonly number[];
}

const vector = (values: readonly number[]): string => `vec3f(${values.join(", ")})`;

/**
 * Resizes one image and normalises it: an invocation for each pixel of the result. What a pixel takes from which
 * columns and rows of the image is in two tables, since the host computes that more exactly, and once for all images of
 * a size.
 */
export const imageKernel = (p: ImageKernel): string => wgsl`
  const WIDTH = ${p.width}u; // pixels of the result
  const HEIGHT = ${p.height}u;
  const MEAN = ${vector(p.mean.length === 3 ? p.mean : [p.mean[0]!, 0, 0])};
  const STD = ${vector(p.std.length === 3 ? p.std : [p.std[0]!, 1, 1])};
  const BACKGROUND = ${vector(p.background)};
  struct Image {
    offset: u32, // of its first value in the result
    columnTaps: u32, // columns of the image that contribute to a pixel
    rowTaps: u32,
    isGrey: u32, // red stands for all three colours
    isLinear: u32, // the texture gives linear light: encode it as sRGB
  }
  @group(0) @binding(0) var source: texture_2d<f32>;
  @group(0) @binding(1) var<uniform> image: Image;
  @group(0) @binding(2) var<storage, read> columns: array<f32>; // for each pixel: the first column, then weights
  @group(0) @binding(3) var<storage, read> rows: array<f32>;
  @group(0) @binding(4) var<storage, read_write> y: array<f32>;

  /** Values as a file stores them (IEC 61966-2-1). */
  fn encoded(light: vec3f) -> vec3f {
    let curve = 1.055 * pow(max(light, vec3f(0.0031308)), vec3f(1.0 / 2.4)) - 0.055;
    return select(curve, 12.92 * light, light <= vec3f(0.0031308));
  }

  /** A pixel of the image, in front of the background. */
  fn pixel(at: vec2u) -> vec3f {
    let value = textureLoad(source, at, 0);
    var color = select(value.rgb, value.rrr, image.isGrey != 0);
    if (image.isLinear != 0) { color = encoded(color); }
    return mix(BACKGROUND, color, value.a);
  }

  @compute @workgroup_size(8, 8)
  fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= WIDTH || id.y >= HEIGHT) { return; }
    let column = id.x * (1 + image.columnTaps);
    let row = id.y * (1 + image.rowTaps);
    var color = BACKGROUND;
    if (columns[column] >= 0 && rows[row] >= 0) {
      let first = vec2u(u32(columns[column]), u32(rows[row]));
      color = vec3f();
      for (var j = 0u; j < image.rowTaps; j++) {
        var line = vec3f();
        for (var i = 0u; i < image.columnTaps; i++) {
          line += columns[column + 1 + i] * pixel(first + vec2u(i, j));
        }
        color += rows[row + 1 + j] * line;
      }
    }
    #if ${p.channels === 1}
      color = vec3f(dot(color, ${vector(p.luma)}), 0, 0);
    #endif
    let value = (color - MEAN) / STD;
    let at = id.y * WIDTH + id.x;
    #if ${p.channels === 1}
      y[image.offset + at] = value.x;
    #elif ${p.layout === "NCHW"}
      y[image.offset + at] = value.r;
      y[image.offset + HEIGHT * WIDTH + at] = value.g;
      y[image.offset + 2 * HEIGHT * WIDTH + at] = value.b;
    #else
      y[image.offset + 3 * at] = value.r;
      y[image.offset + 3 * at + 1] = value.g;
      y[image.offset + 3 * at + 2] = value.b;
    #endif
  }`;
