import { paint } from "./format.ts";
import { OptionError } from "./options.ts";

export interface Command<Options> {
  /** What was typed to get here, such as "npm start". */
  readonly name: string;
  readonly help: string;
  /** What the command line asks for; undefined for `--help`. @throws OptionError for what makes no sense. */
  parse(args: readonly string[]): Options | undefined;
  /** @param stop is aborted by Ctrl-C; a second Ctrl-C ends the program at once. */
  main(options: Options, stop: AbortSignal): Promise<void>;
}

/** Runs a command. What goes wrong is told in a sentence: exit code 2 for a wrong option, 1 for anything else. */
export async function run<Options>({ name, help, parse, main }: Command<Options>): Promise<void> {
  const stop = new AbortController();
  let first = Number.POSITIVE_INFINITY;
  process.on("SIGINT", () => {
    // Not patient enough to wait for the file. (npm may pass on the same Ctrl-C that the terminal has sent already.)
    if (performance.now() - first > 300) process.exit(130);
    first = Math.min(first, performance.now());
    stop.abort();
  });
  // Whoever reads the output has left (`… | head`): as good as Ctrl-C, so that files are written.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    stop.abort();
  });
  try {
    const options = parse(process.argv.slice(2));
    if (options) await main(options, stop.signal);
    else console.log(help);
  } catch (error) {
    const isWrongOption = error instanceof OptionError;
    const hint = isWrongOption ? `\n${name} -- --help lists the options.` : "";
    console.error(paint("red", (error as Error).message) + hint);
    process.exitCode = isWrongOption ? 2 : 1;
  }
}

/** What shells expect of a program that Ctrl-C ended. */
export function leaveInterrupted(): void {
  process.exitCode = 130;
}
