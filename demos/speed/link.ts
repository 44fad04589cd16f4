import { pack, unpack } from "../parts/pack.ts";
import type { Ladder, Summary } from "./summary.ts";
import { limits } from "./summary.ts";

/*
 * A summary as a short text for the page's address: a list of values, squeezed.
 */

const units = ["GFLOP/s", "GB/s"] as const;

export async function toLink(summary: Summary): Promise<string> {
  const { adapter, cpu, where, date, stopped = "", disturbed = false, ladders, steps } = summary;
  const values = [
    [adapter, where, date, stopped, Number(cpu), Number(disturbed)],
    limits.map(({ key }) => (summary.limits[key] === undefined ? -1 : summary.limits[key])),
    ladders.map(({ title, unit, rungs }) => [
      title,
      units.indexOf(unit),
      rungs.map(({ variant, chosen, rate }) => [variant, Number(chosen), rate]),
    ]),
    steps.map(({ name, ms }) => [name, ms]),
  ];
  return pack(JSON.stringify(values));
}

/** What a link holds; undefined for one that holds no summary: an address may come from anywhere. */
export async function fromLink(link: string): Promise<Summary | undefined> {
  try {
    return summaryFrom(JSON.parse((await unpack(link)) ?? ""));
  } catch {
    return undefined;
  }
}

const text = (value: unknown): string => {
  // Pictures cannot hold control characters and halves of characters.
  if (typeof value !== "string" || value.length > 200 || /[\p{Cc}\p{Cs}]/u.test(value))
    throw new TypeError("expected a text");
  return value;
};
const number = (value: unknown): number => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError("expected a number");
  return value;
};

const amount = (value: unknown): number => {
  if (number(value) < 0) throw new TypeError("expected a number from 0");
  return number(value);
};
const some = <T>(list: readonly T[]): readonly T[] => {
  if (list.length === 0) throw new TypeError("expected a list that is not empty");
  return list;
};

type Values = readonly [
  readonly unknown[],
  readonly unknown[],
  readonly (readonly [unknown, unknown, readonly (readonly unknown[])[]])[],
  readonly (readonly unknown[])[],
];

function summaryFrom([about, values, ladders, steps]: Values): Summary {
  const [adapter, where, date, stopped, cpu, disturbed] = about;
  if (!/^\d{4}-/.test(text(date)) || Number.isNaN(Date.parse(text(date)))) throw new TypeError("expected a date");
  const known = limits.flatMap(({ key }, i) => (number(values[i]) < 0 ? [] : [[key, number(values[i])] as const]));
  return {
    adapter: text(adapter),
    cpu: cpu === 1,
    where: text(where),
    date: text(date),
    ...(stopped !== "" && { stopped: text(stopped) }),
    ...(disturbed === 1 && { disturbed: true }),
    limits: Object.fromEntries(known),
    ladders: ladders.map(
      ([title, unit, rungs]): Ladder => ({
        title: text(title),
        unit: units[number(unit)] ?? units[0],
        rungs: some(rungs).map(([variant, chosen, rate]) => ({
          variant: text(variant),
          chosen: chosen === 1,
          rate: amount(rate),
        })),
      }),
    ),
    steps: steps.map(([name, ms]) => ({ name: text(name), ms: amount(ms) })),
  };
}
