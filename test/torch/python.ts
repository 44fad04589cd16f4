import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TorchFiles } from "../../src/torch/index.ts";

const run = promisify(execFile);

/** The interpreter that has PyTorch: Debian's, unless PYTHON names another. */
export const python = process.env["PYTHON"] ?? "/usr/bin/python3";

/** Whether PyTorch is here. */
export const hasTorch = ((): boolean => {
  try {
    execFileSync(python, ["-c", "import torch"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** Whether all tests run, and not only the quickest: `npm run test:torch`. */
export const all = process.env["TILEGRAD_TORCH"] === "all";

/** Writes files into a new folder. */
export function folderOf(files: TorchFiles): string {
  const folder = mkdtempSync(join(tmpdir(), "tilegrad-torch-"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

/** Runs a program in a folder. @returns what it prints. */
export async function runPython(
  folder: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { stdout } = await run(python, [...args], {
    cwd: folder,
    env: { ...process.env, OMP_NUM_THREADS: "1", PYTHONDONTWRITEBYTECODE: "1", ...env },
    maxBuffer: 1e8,
  });
  return stdout;
}

let port = 20000 + (process.pid % 20000);

/** Runs `train.py` on some processes, as torchrun would. @returns what the first one prints. */
export async function train(folder: string, args: readonly string[], world = 1): Promise<string> {
  if (world === 1) return runPython(folder, ["train.py", ...args]);
  const common = { WORLD_SIZE: `${world}`, MASTER_ADDR: "127.0.0.1", MASTER_PORT: `${port++}` };
  const ranks = Array.from({ length: world }, (_, rank) =>
    runPython(folder, ["train.py", ...args], { ...common, RANK: `${rank}`, LOCAL_RANK: `${rank}` }),
  );
  return (await Promise.all(ranks))[0]!;
}

/** The losses that `train.py` prints. */
export const lossesOf = (text: string): number[] => [...text.matchAll(/loss (\S+)/g)].map(([, loss]) => Number(loss));
