import { type Engine, mul, sub } from "../../src/index.ts";
import { exportOnnx } from "../../src/onnx/export/export.ts";
import { normalization } from "./images.ts";
import type { Network, Numbers } from "./networks.ts";
import { side } from "./packs.ts";

const metadata = {
  image: "pixels of 28 × 28 images, from 0 for paper to 1 for ink",
  votes: "one for each digit, 0 to 9; softmax makes probabilities of them",
};

/** A network as an ONNX model for batches of any size. It normalises pixels itself. */
export async function exported(engine: Engine, { variables, results }: Network): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes } = await exportOnnx(
    engine,
    ({ image }) => ({ votes: results(normalized(image), { training: false }).at(-1)! }),
    { inputs: { image: [1, side, side] }, model: variables, metadata },
  );
  return bytes;
}

const normalized = (image: Numbers): Numbers => mul(sub(image, normalization.mean), 1 / normalization.std);
