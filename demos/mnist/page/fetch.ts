import { digits, type Mnist } from "../dataset.ts";
import { files } from "../files.ts";

/** Bytes of all four files. */
const total = 54_950_048;

/**
 * Fetches MNIST from the server that the page came from.
 * @param progress is told the share of bytes that have arrived, 0 … 1.
 */
export async function fetchMnist(progress: (share: number) => void): Promise<Mnist> {
  let arrived = 0;
  const get = async (file: string): Promise<Uint8Array> => {
    const response = await fetch(`data/${file}`);
    if (!response.ok || !response.body) throw new Error(`the images did not arrive: ${file} gave ${response.status}`);
    const counted = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          arrived += chunk.length;
          progress(Math.min(1, arrived / total));
          controller.enqueue(chunk);
        },
      }),
    );
    return new Uint8Array(await new Response(counted).arrayBuffer());
  };
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(Object.values(files).map(get));
  return { train: digits(trainImages!, trainLabels!), test: digits(testImages!, testLabels!) };
}
