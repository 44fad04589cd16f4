import { accessSync, constants, createReadStream, createWriteStream, existsSync, lstatSync, mkdirSync } from "node:fs";
import { mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const require = createRequire(import.meta.url);

/**
 * Folder of the npm package that ships Chrome, SwiftShader and a Vulkan loader as brotli archives, for Linux on x64.
 * Undefined where it is not installed or does not support this machine.
 */
function archives(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  try {
    return join(dirname(require.resolve("@sparticuz/chromium")), "../../bin");
  } catch {
    return undefined;
  }
}

/**
 * Unpacks archives of `@sparticuz/chromium` (`swiftshader.tar.br`, `chromium.br`, …) into one folder and returns it, or
 * undefined if the package is missing. The folder is kept, one per version of the package. It is created by a rename,
 * so that two processes unpacking at once never see half-written files.
 */
export async function unpack(name: string, files: string[]): Promise<string | undefined> {
  const source = archives();
  if (!source) return undefined;
  const { version } = JSON.parse(await readFile(join(source, "../package.json"), "utf8"));
  const cache = cacheFolder(source);
  const folder = join(cache, `${name}-${version}`);
  if (existsSync(folder)) return folder;

  const half = await mkdtemp(join(cache, `${name}-`));
  try {
    await Promise.all(files.map((file) => unpackOne(join(source, file), half)));
    await rename(half, folder);
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // Otherwise another process created it first.
  }
  return folder;
}

/** A tar archive is extracted into the folder; anything else is one executable. */
async function unpackOne(archive: string, folder: string): Promise<void> {
  const name = basename(archive, ".br");
  // The archives' own package unpacks them with tar-fs, so it is installed wherever they are.
  const target = name.endsWith(".tar")
    ? createRequire(archive)("tar-fs").extract(folder)
    : createWriteStream(join(folder, name), { mode: 0o755 });
  await pipeline(createReadStream(archive), createBrotliDecompress(), target);
}

/** `node_modules/.cache/tilegrad` beside the package, or this user's own temporary folder. */
function cacheFolder(source: string): string {
  const modules = source.slice(0, source.lastIndexOf("node_modules") + "node_modules".length);
  const own = join(tmpdir(), `tilegrad-${process.getuid?.()}`);
  for (const folder of [join(modules, ".cache", "tilegrad"), own]) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      accessSync(folder, constants.W_OK);
      // Files found here get executed, so do not trust a folder that another user created.
      if (lstatSync(folder).uid === process.getuid?.()) return folder;
    } catch {
      // Not writable: try the next.
    }
  }
  throw new Error(`cannot unpack @sparticuz/chromium: neither ${modules} nor ${own} is writable`);
}
