import { exec, execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const version = "2.9.5";
const folder = resolve(import.meta.dirname, `../../node_modules/.cache/deno-${version}`);

/**
 * Deno's command, for Node to run. npm fetches it on first use (92 MB), since only its own tests need Deno. Rejects
 * with the reason if npm cannot reach it, or has none for this platform.
 */
export async function fetchDeno(): Promise<string> {
  const command = join(folder, "node_modules/deno/bin.cjs");
  // Deno links its binary into place on its first run, without an install script.
  const check = () => promisify(execFile)(process.execPath, [command, "--version"]);
  try {
    await check();
  } catch {
    const options = "--no-save --ignore-scripts --include=optional --fetch-retries=1";
    await promisify(exec)(`npm install --prefix "${folder}" ${options} deno@${version}`);
    await check();
  }
  return command;
}
