/** A GPU as its data sheet describes it. None of these has been timed. */
export interface DescribedGpu {
  readonly name: string;
  /** Operations in f32 per second, in units of 10¹²: a multiply-add is two. */
  readonly teraflops: number;
  /** Memory bandwidth. */
  readonly gbPerSec: number;
  /** The largest cache that all multiprocessors share. */
  readonly cacheMiB: number;
}

export const gpus: readonly DescribedGpu[] = [
  { name: "integrated", teraflops: 2, gbPerSec: 60, cacheMiB: 2 },
  { name: "laptop", teraflops: 10, gbPerSec: 300, cacheMiB: 24 },
  { name: "data centre", teraflops: 60, gbPerSec: 4800, cacheMiB: 50 },
];
