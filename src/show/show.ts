import { refuse } from "../errors.ts";
import { type Output, outputOf } from "./output.ts";

/** One call of `show`, or one update of a live view. */
export interface Shown {
  /** Different for each call of `show`, the same for all updates of a live view: what comes later replaces it. */
  readonly id: number;
  /** One for each value. */
  readonly outputs: readonly Output[];
  /** Whether later updates may replace it. */
  readonly isLive: boolean;
}

type Target = (shown: Shown) => void;

let ids = 0;
let target: Target | undefined;

/**
 * Shows values to whoever runs the program: in a notebook below the cell, elsewhere on the console, as text.
 *
 * ```ts
 * show("loss", 0.25); // loss 0.25
 * show([{ x: 0, y: 1 }, { x: 1, y: 0 }]); // a table
 * show({ data: new Float32Array([1, 2, 3, 4]), shape: [2, 2] }); // a matrix
 * show(learningCurves(history)); // a picture of tilegrad/plot; on the console its description
 * ```
 */
export function show(...values: readonly unknown[]): void {
  give({ id: ++ids, outputs: values.map(outputOf), isLive: false });
}

/** A place whose content changes. */
export interface Live {
  /** Shows values in place of those before. */
  update(...values: readonly unknown[]): void;
}

/**
 * A place below the cell that later calls update, such as a plot of a training that goes on. Without a notebook, only
 * what it held last is printed, before the next text or at the end of the program.
 *
 * ```ts
 * const view = live();
 * for (let epoch = 1; epoch <= 100; epoch++) {
 *   await step.run();
 *   view.update(`epoch ${epoch}`);
 * }
 * ```
 */
export function live(): Live {
  const id = ++ids;
  return { update: (...values) => give({ id, outputs: values.map(outputOf), isLive: true }) };
}

/**
 * Sends what is shown to a function instead of the console: for notebooks.
 * @returns a function that ends this.
 */
export function showTo(next: Target): () => void {
  if (typeof next !== "function") refuse("showTo", "the target", next, "a function");
  const before = target;
  target = next;
  return () => {
    target = before;
  };
}

/** What live views hold that has not been printed. */
const pending = new Map<number, Shown>();
let isWaiting = false;

function give(shown: Shown): void {
  if (target) target(shown);
  else if (shown.isLive && isProgram()) pending.set(shown.id, shown);
  else {
    flush();
    print(shown);
  }
}

/** Whether the end of the program can be awaited; in a page it cannot. If so, what is left is printed then. */
function isProgram(): boolean {
  const { process } = globalThis as { process?: { once?(event: "exit", act: () => void): void } };
  if (!process?.once) return false;
  if (!isWaiting) process.once("exit", flush);
  isWaiting = true;
  return true;
}

function flush(): void {
  for (const shown of pending.values()) print(shown);
  pending.clear();
}

/** Short texts in one line, as `console.log` prints them; all else below each other. */
function print({ outputs }: Shown): void {
  const isShort = outputs.every(({ kind, text }) => kind === "text" && !text.includes("\n"));
  console.log(outputs.map(({ text }) => text).join(isShort ? " " : "\n"));
}
