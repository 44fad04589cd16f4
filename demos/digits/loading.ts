import { fetched } from "../../src/datasets/fetched.ts";
import { type Digits, unpack } from "./images.ts";
import { bytesOf, type Pack, pathOf } from "./packs.ts";

/** Loads a pack. @param base address of the page. @param arrived is called with the share so far, 0 … 1. */
export async function load(pack: Pack, base: string, arrived: (share: number) => void): Promise<Digits> {
  const size = bytesOf(pack);
  let loaded = 0;
  const bytes = await fetched(
    "digits",
    { name: pathOf(pack), bytes: size, sha256: pack.sha256 },
    {
      baseUrl: new URL(".", base),
      suffix: "",
      cache: false,
      signal: undefined,
      arrived(count) {
        loaded += count;
        arrived(Math.min(1, loaded / size));
      },
    },
  );
  return unpack(pack, bytes);
}
