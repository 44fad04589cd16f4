/** A file of images beside the page: labels of those to train on and to test on, then their pixels, a byte each. */
export interface Pack {
  readonly name: string;
  readonly train: number;
  readonly test: number;
  /** SHA-256 of the unpacked file, in hexadecimal. */
  readonly sha256: string;
}

/** MNIST's images are 28 × 28 bytes, 0 for paper and 255 for ink. */
export const side = 28;
export const pixels = side * side;
export const classes = 10;

/** The page starts with the first pack. Together they are all of MNIST, and no image is in both. */
export const packs = {
  first: {
    name: "first",
    train: 10_000,
    test: 2_000,
    sha256: "2a578e4f5c69e989e95efdadad11c0be7951e36197aa747c332cafd5116282ba",
  },
  rest: {
    name: "rest",
    train: 50_000,
    test: 8_000,
    sha256: "b9773184ce726816bd02b0caabc682d6eaacfc803be1e4d50e1f706ef314d511",
  },
} as const satisfies Record<string, Pack>;

/** Of the test images, the first pack has every so many: MNIST's own order has the easier writers first. */
export const testEvery = 5;

export const bytesOf = ({ train, test }: Pack): number => (train + test) * (pixels + 1);

/** Address of a pack, relative to the page. Not `.gz`, since some hosts make browsers unpack such files. */
export const pathOf = ({ name }: Pack): string => `data/${name}.bin`;
