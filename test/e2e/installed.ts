import { exec, execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");

/** The path of a command of the project's packages. */
export const bin = (name: string): string => join(root, "node_modules/.bin", name);

/**
 * Makes an empty app with tilegrad built and installed in it, as npm would.
 * @param name begins the name of the app's folder.
 * @returns the app's folder, which the caller removes.
 */
export async function appWithTilegrad(name: string): Promise<string> {
  // Below node_modules, where tilegrad's dependencies are found as if npm had installed them.
  await mkdir(join(root, "node_modules/.cache"), { recursive: true });
  const app = await mkdtemp(join(root, `node_modules/.cache/${name}-`));
  const installed = join(app, "node_modules/tilegrad");
  await mkdir(installed, { recursive: true });
  await cp(join(root, "package.json"), join(installed, "package.json"));
  await cp(join(root, "src/bundle.mjs"), join(installed, "src/bundle.mjs"));
  await run(bin("tsc"), ["-p", join(root, "src"), "--outDir", join(installed, "dist")]);
  const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const PATH = `${join(root, "node_modules/.bin")}${delimiter}${process.env.PATH}`;
  await promisify(exec)(scripts.bundle, { cwd: installed, env: { ...process.env, PATH } });
  await writeFile(join(app, "package.json"), '{ "type": "module", "private": true }');
  return app;
}

/** A code block of a Markdown page. */
export interface Block {
  readonly code: string;
  /** What follows "ts" in the fence: "page" for a page, "check" if it only compiles; "" if it runs in Node. */
  readonly where: string;
}

/** The TypeScript blocks of a page of the repository. */
export async function blocksOf(file: string): Promise<Block[]> {
  const text = await readFile(join(root, file), "utf8");
  return [...text.matchAll(/^```ts(?: (\w+))?\n(.*?)^```$/gms)].map(([, where = "", code]) => ({ code: code!, where }));
}

/** What TypeScript's strict mode says of some files of an app; "" if nothing. */
export async function complaints(app: string, files: readonly string[], own: object = {}): Promise<string> {
  const compilerOptions = {
    target: "ES2023",
    lib: ["ES2023", "DOM", "DOM.AsyncIterable"],
    module: "NodeNext",
    strict: true,
    noUncheckedIndexedAccess: true,
    resolveJsonModule: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    ...own,
  };
  await writeFile(join(app, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const { stdout } = await run(bin("tsc"), ["-p", app]).catch((error) => error as { stdout: string });
  return stdout;
}
