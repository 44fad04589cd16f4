import type { Scores } from "./lab.ts";
import type { NetworkName } from "./settings.ts";

/** Scores of some networks, after more and more steps. */
export interface Course {
  readonly steps: readonly number[];
  readonly scores: Readonly<Partial<Record<NetworkName, readonly Scores[]>>>;
}

export const nothing: Course = { steps: [], scores: {} };

/** A course with the scores after one more step. */
export function extended({ steps, scores }: Course, step: number, next: Partial<Record<NetworkName, Scores>>): Course {
  const names = Object.keys(next) as NetworkName[];
  return {
    steps: [...steps, step],
    scores: Object.fromEntries(
      names.map((name) => {
        const { training, test } = next[name]!;
        return [name, [...(scores[name] ?? []), { training, test }]];
      }),
    ),
  };
}

/**
 * The step after which the networks are examined next: soon at first, when much changes, and later ever more seldom.
 * It depends on the step alone, so the same settings give the same curves.
 */
export function nextExam(step: number): number {
  let at = 1;
  while (at <= step) {
    if (at < 200) at = Math.ceil(1.5 * at);
    else at = 100 * (Math.floor(at / 100) + Math.max(1, Math.floor(at / 1000)));
  }
  return at;
}

/** How many test images the networks are examined on: few at first, when a rough score says enough. */
export const examSize = (step: number, all: number): number => (step < 100 ? 500 : all);

/** Steps until the training pauses by itself: later ones improve little and cost energy. */
export const leg = (stepsPerEpoch: number): number => Math.max(2000, 3 * stepsPerEpoch);
