import { createServer } from "vite";

/** Serves the demos like `npm run demos`, on its own port. */
export async function serveDemos(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const root = new URL("../../", import.meta.url).pathname;
  const server = await createServer({
    root: `${root}demos`,
    cacheDir: `${root}.cache/vite-e2e`,
    logLevel: "error",
    server: { port: 0, hmr: false, watch: null },
  });
  await server.listen();
  return { url: server.resolvedUrls!.local[0]!, close: () => server.close() };
}
