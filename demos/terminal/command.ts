import { paint } from "./format.ts";
import { OptionError } from "./options.ts";

export interface Command<Options> {
  /** The command as typed, such as "npm start". */
  readonly name: string;
  readonly help: string;
  /** Parses the command line; undefined for `--help`. @throws OptionError for invalid options. */
  parse(args: readonly string[]): Options | undefined;
  /**
   * @param stop is aborted by Ctrl-C; a second Ctrl-C ends the program at once.
   */
  main(options: Options, stop: AbortSignal): Promise<void>;
}

/** Runs a command. Prints errors as one sentence and exits with 2 for a wrong option, 1 for anything else. */
export async function run<Options>({ name, help, parse, main }: Command<Options>): Promise<void> {
  const stop = new AbortController();
  let first = Number.POSITIVE_INFINITY;
  process.on("SIGINT", () => {
    // A second Ctrl-C: do not wait for the file. (npm may pass on a Ctrl-C that the terminal has already sent.)
    if (performance.now() - first > 300) process.exit(130);
    first = Math.min(first, performance.now());
    stop.abort();
  });
  // The reader of the output has quit (`… | head`). Treat this like Ctrl-C, so that files get written.
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

/** Sets the exit code that shells expect after Ctrl-C. */
export function leaveInterrupted(): void {
  process.exitCode = 130;
}
