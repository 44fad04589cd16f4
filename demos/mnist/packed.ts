import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import type { Plugin } from "vite";
import { pathOf } from "./disk.ts";
import { files, packedSuffix } from "./files.ts";

/**
 * Serves the MNIST files as `data/…` beside the page. A build writes them into its folder; a dev server packs each on
 * first request. Gzip reduces 52 MiB to 11. The page unpacks them itself, so any host works.
 */
export function packedMnist(): Plugin {
  const { Z_BEST_SPEED, Z_DEFAULT_COMPRESSION } = constants;
  const served = new Map<string, Promise<Buffer>>();
  return {
    name: "packed-mnist",
    configureServer({ middlewares }) {
      middlewares.use("/mnist/data", (request, response, next) => {
        const file = Object.values(files).find((name) => request.url === `/${name}${packedSuffix}`);
        if (!file) return next();
        const bytes = served.get(file) ?? pack(file, Z_BEST_SPEED);
        served.set(file, bytes);
        bytes.then((bytes) => {
          response.setHeader("Content-Type", "application/octet-stream");
          response.end(bytes);
        }, next);
      });
    },
    async generateBundle() {
      for (const file of Object.values(files)) {
        const source = await pack(file, Z_DEFAULT_COMPRESSION);
        this.emitFile({ type: "asset", fileName: `mnist/data/${file}${packedSuffix}`, source });
      }
    },
  };
}

const pack = async (file: string, level: number): Promise<Buffer> =>
  promisify(gzip)(await readFile(pathOf(file)), { level });
