import { AttributeError, noSuch } from "../errors.ts";

/** Curves by name, such as `{ training: […], validation: […] }`: one value per epoch, or per position `x`. */
export type Curves = Readonly<Record<string, ArrayLike<number>>>;

/** The course of a training, as `fit` of tilegrad/train returns it: for each epoch its logs, those of validation as `val_…`. */
export interface RunHistory {
  readonly epochs: readonly { readonly [name: string]: number | undefined }[];
}

/** Whether it is a history, and no curve with the name "epochs". */
export const isHistory = (given: unknown): given is RunHistory => {
  const { epochs } = Object(given) as RunHistory;
  return Array.isArray(epochs) && epochs.every((epoch) => typeof epoch === "object" && epoch !== null);
};

/** Names of what a history has curves of: the loss, then metrics, without those of validation and of the epochs themselves. */
export function metricsOf({ epochs }: RunHistory): string[] {
  const names = new Set(epochs.flatMap((epoch) => Object.keys(epoch)));
  const others = ["epoch", "step", "samples", "seconds", "lr", "gradNorm"];
  return [...names].filter((name) => !others.includes(name) && !(name.startsWith("val_") && names.has(name.slice(4))));
}

/** Training and validation, as far as a history has them. */
export function curvesOf(op: string, { epochs }: RunHistory, metric: string): { curves: Curves; x: number[] } {
  const column = (name: string): number[] => epochs.map((epoch) => epoch[name] ?? Number.NaN);
  const has = (name: string): boolean => epochs.some((epoch) => epoch[name] !== undefined);
  const names = [...new Set(epochs.flatMap((epoch) => Object.keys(epoch)))];
  if (epochs.length > 0 && !has(metric)) {
    const fault = names.includes(metric)
      ? `metric "${metric}" is undefined in all epochs, expected a number in at least one`
      : noSuch("metric", metric, names.filter(has));
    throw new AttributeError(`${op}: ${fault}`);
  }
  const curves: Record<string, number[]> = { training: column(metric) };
  if (has(`val_${metric}`)) curves.validation = column(`val_${metric}`);
  return { curves, x: epochs.map(({ epoch }, i) => epoch ?? i + 1) };
}
