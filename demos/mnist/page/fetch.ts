import { digits, type Mnist } from "../dataset.ts";
import { files, packedName } from "../files.ts";

/** Bytes of all four files, unpacked. */
const total = 54_950_048;

/**
 * Fetches MNIST from the page's server.
 * @param progress is called with the share of bytes received, 0 … 1.
 * @throws Error with the file that is missing or incomplete.
 */
export async function fetchMnist(progress: (share: number) => void): Promise<Mnist> {
  let arrived = 0;
  const count = (chunk: Uint8Array): void => {
    arrived += chunk.length;
    progress(Math.min(1, arrived / total));
  };
  const get = async (name: string): Promise<Uint8Array> => {
    const file = packedName(name);
    try {
      return await unpack(await fetch(`data/${file}`), count);
    } catch (error) {
      throw new Error(`The images did not arrive: data/${file}: ${(error as Error).message}`);
    }
  };
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(Object.values(files).map(get));
  return { train: digits(trainImages!, trainLabels!), test: digits(testImages!, testLabels!) };
}

async function unpack(response: Response, count: (chunk: Uint8Array) => void): Promise<Uint8Array> {
  if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
  const counted = response.body.pipeThrough(new DecompressionStream("gzip")).pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        count(chunk);
        controller.enqueue(chunk);
      },
    }),
  );
  return new Uint8Array(await new Response(counted).arrayBuffer());
}
