import { styleText } from "node:util";
import type { Engine } from "../../src/index.ts";

type Style = Parameters<typeof styleText>[0];

export const isTerminal = process.stdout.isTTY === true;
export const hasColours = isTerminal && !process.env.NO_COLOR && process.env.TERM !== "dumb";

/** Characters per line; unlimited if the output is piped. */
export const room = isTerminal ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;

/** Styled text, if the terminal supports colours. */
export const paint = (style: Style, text: string): string => (hasColours ? styleText(style, text) : text);

export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
export const percent = (share: number, digits = 2): string => `${(100 * share).toFixed(digits)} %`;

/** 0:07, 12:34, 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${two(whole)}` : `${Math.floor(minutes / 60)}:${two(minutes)}:${two(whole)}`;
}

export function mebibytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${(bytes / 2 ** 10).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Prints one fact about the run. */
export function fact(name: string, value: string): void {
  console.log(`  ${paint("dim", name.padEnd(9))}  ${value}`);
}

/** Prints the adapter, the back end with the reason for it, and how to get a faster one. */
export function adapterFacts({ adapter, traits, backend, backendReason }: Engine): void {
  fact("adapter", adapter + (traits.cpu ? ", on the CPU" : ""));
  fact("backend", `${backend === "wasm" ? "WebAssembly" : "WebGPU"}: ${backendReason}`);
  if (/swiftshader/i.test(adapter) && process.platform === "linux")
    fact("faster", "Mesa's lavapipe is 3 to 4 times as fast: apt install mesa-vulkan-drivers (Mesa 23 or later)");
}
