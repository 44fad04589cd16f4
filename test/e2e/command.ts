import { type ChildProcess, spawn } from "node:child_process";

/** Called with a program's output as it arrives. */
export type Watch = (text: string, child: ChildProcess) => void;

export interface Ran {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs a demo program as its npm script does, in a separate process. */
export async function run(script: string, args: readonly string[], watch?: Watch): Promise<Ran> {
  const child = spawn(process.execPath, ["--import", "tsx", script, ...args]);
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
    watch?.(String(chunk), child);
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const code = await new Promise<number | null>((resolve) => {
    child.on("close", resolve);
  });
  return { code, output, errors };
}

/** Presses Ctrl-C once, when the output contains some words: a second time would end the program at once. */
export function interruptAt(words: string): Watch {
  let isDone = false;
  return (text, child) => {
    if (isDone || !text.includes(words)) return;
    isDone = true;
    child.kill("SIGINT");
  };
}
