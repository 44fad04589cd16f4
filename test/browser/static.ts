import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".png": "image/png",
};

type Headers = Readonly<Record<string, string>>;

/**
 * Serves the files of a folder like a simple static host: by name, `index.html` for a folder, 404 for anything else.
 * @param headers of every answer, or by its path.
 */
export async function serveFolder(
  folder: string,
  headers: Headers | ((path: string) => Headers) = {},
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, "http://host").pathname));
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
    const stream = createReadStream(file);
    stream.on("error", () => response.writeHead(404).end());
    stream.on("open", () => {
      const own = typeof headers === "function" ? headers(path) : headers;
      response.writeHead(200, { ...own, "Content-Type": types[extname(file)] ?? "application/octet-stream" });
      stream.pipe(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
