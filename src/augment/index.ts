/**
 * tilegrad/augment: layers that change images at random in training, on the GPU. Names are torchvision's, whose
 * meanings of angles, shares and sizes they take over.
 */
export { type AffineOptions, type Interval, randomAffine, randomRotation } from "./affine.ts";
export { type CropOptions, randomCrop } from "./crop.ts";
export { randomHorizontalFlip, randomVerticalFlip } from "./flip.ts";
export type { Drawing, Filling } from "./layer.ts";
export { gaussianNoise } from "./noise.ts";
