import { pixels, side } from "./packs.ts";

/** MNIST's digits fill a box of this many pixels. */
const box = 20;

/** Ink up to this value does not count towards the box around a digit. */
const faint = 16;

/**
 * Converts a drawing to MNIST's format: scaled, keeping its proportions, to fit a box of 20 × 20, anti-aliased, and
 * placed with its centre of mass at the centre of 28 × 28.
 *
 * @param ink 0 for paper to 255 for ink, `size` × `size`, row-major.
 * @returns 784 bytes, or undefined for blank paper.
 *
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
 */
export function mnistImage(ink: ArrayLike<number>, size: number): Uint8Array | undefined {
  const bounds = boundsOf(ink, size);
  if (!bounds) return undefined;
  const scale = Math.max(bounds.width, bounds.height) / box;
  const [cx, cy] = centreOfMass(ink, size);
  const sumTo = sumsOf(ink, size);
  const image = new Uint8Array(pixels);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [left, top] = [cx + (column - side / 2) * scale, cy + (row - side / 2) * scale];
      const [right, bottom] = [left + scale, top + scale];
      const sum = sumTo(right, bottom) - sumTo(left, bottom) - sumTo(right, top) + sumTo(left, top);
      image[row * side + column] = Math.round(sum / scale ** 2);
    }
  }
  return image;
}

function boundsOf(ink: ArrayLike<number>, size: number): { width: number; height: number } | undefined {
  let [left, top, right, bottom] = [size, size, -1, -1];
  for (let i = 0; i < size * size; i++) {
    if (ink[i]! <= faint) continue;
    const [x, y] = [i % size, Math.floor(i / size)];
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return right < 0 ? undefined : { width: right - left + 1, height: bottom - top + 1 };
}

function centreOfMass(ink: ArrayLike<number>, size: number): [x: number, y: number] {
  let [mass, x, y] = [0, 0, 0];
  for (let i = 0; i < size * size; i++) {
    mass += ink[i]!;
    x += ink[i]! * ((i % size) + 0.5);
    y += ink[i]! * (Math.floor(i / size) + 0.5);
  }
  return [x / mass, y / mass];
}

/** The ink above and left of any point, interpolated between pixels: four such values give the ink in a rectangle. */
function sumsOf(ink: ArrayLike<number>, size: number): (x: number, y: number) => number {
  const width = size + 1;
  const sums = new Float64Array(width * width);
  for (let y = 0; y < size; y++) {
    let row = 0;
    for (let x = 0; x < size; x++) {
      row += ink[y * size + x]!;
      sums[(y + 1) * width + x + 1] = sums[y * width + x + 1]! + row;
    }
  }
  return (x, y) => {
    const [px, py] = [Math.min(size, Math.max(0, x)), Math.min(size, Math.max(0, y))];
    const [x0, y0] = [Math.min(size - 1, Math.floor(px)), Math.min(size - 1, Math.floor(py))];
    const [fx, fy] = [px - x0, py - y0];
    const at = y0 * width + x0;
    const upper = sums[at]! * (1 - fx) + sums[at + 1]! * fx;
    const lower = sums[at + width]! * (1 - fx) + sums[at + width + 1]! * fx;
    return upper * (1 - fy) + lower * fy;
  };
}
