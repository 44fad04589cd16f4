import type { NetworkName } from "./settings.ts";

/** What networks are called. */
export const names: Readonly<Record<NetworkName, string>> = { cnn: "CNN", mlp: "MLP" };

/** The article before a digit. */
export const articleOf = (digit: number): string => (digit === 8 ? "an" : "a");

/** How sure a network is of its guess: words before the digit, and after it. */
export function sureness(probability: number): readonly [before: string, after: string] {
  if (probability > 0.99) return ["Almost certainly", ""];
  if (probability > 0.85) return ["Very likely", ""];
  return probability > 0.5 ? ["Probably", ""] : ["Probably", ", not sure"];
}
