import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Plugin } from "vite";
import { pathOf } from "./disk.ts";
import { files } from "./files.ts";

/** Serves the files of MNIST to the page, as `data/…` beside it. (Vite itself takes names without an extension for scripts.) */
export const serveMnist = (): Plugin => ({
  name: "serve-mnist",
  configureServer({ middlewares }) {
    middlewares.use("/mnist/data", (request, response, next) => {
      const file = Object.values(files).find((name) => request.url === `/${name}`);
      if (!file) return next();
      const send = async (): Promise<void> => {
        const path = pathOf(file);
        response.setHeader("Content-Type", "application/octet-stream");
        response.setHeader("Content-Length", (await stat(path)).size);
        await pipeline(createReadStream(path), response);
      };
      // A page that is left while it loads is no error.
      send().catch((error) => response.destroyed || next(error));
    });
  },
});
