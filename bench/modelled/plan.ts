import { type DescribedGpu, gpus } from "../../src/kernels/model.ts";
import { guaranteed } from "../../src/kernels/traits.ts";
import { countTrafficIn, type KernelTraffic } from "../../src/selfcheck/index.ts";
import type { Column } from "../report/columns.ts";
import { figure } from "../report/figures.ts";
import { table } from "../report/table.ts";
import { type Modelled, modelled } from "./model.ts";
import type { Shape } from "./shapes.ts";

/** The least part of a step for a kernel to have a row, and to be named. */
const leastShare = 0.01;

/** How far above its bound a kernel is named. */
const namedFrom = 3;

/** An adapter with subgroups of 32 and room for large buffers; the rest is what WebGPU guarantees. */
const traits = {
  ...guaranteed,
  features: new Set(["subgroups"]),
  subgroupSize: 32,
  maxBinding: 2 ** 31 - 4,
  maxBuffer: 2 ** 31,
};

/** Kernels of a step with the same label and variant, and the model of one on each GPU. */
export interface PlanRow {
  readonly kernel: KernelTraffic;
  readonly times: number;
  readonly on: readonly Modelled[];
}

/** Counts what a shape's kernels ask for, and models each of them. */
export function planRows({ build }: Shape): PlanRow[] {
  const { feeds = {}, ...description } = build();
  const data = Object.fromEntries(
    Object.entries(feeds).flatMap(([name, value]) => (value instanceof Int32Array ? [[name, value] as const] : [])),
  );
  const rows = new Map<string, { kernel: KernelTraffic; times: number; on: readonly Modelled[] }>();
  for (const kernel of countTrafficIn(description, data, { traits, mostInvocations: 2 ** 11 })) {
    const key = `${kernel.label} ${kernel.variant}`;
    const known = rows.get(key);
    if (known) known.times++;
    else rows.set(key, { kernel, times: 1, on: gpus.map((gpu) => modelled(kernel, gpu)) });
  }
  return [...rows.values()];
}

/** Milliseconds of a step on a GPU, by its place in the list: as modelled, and at least. */
export const stepMs = (rows: readonly PlanRow[], gpu: number, of: "ms" | "leastMs"): number =>
  rows.reduce((sum, { times, on }) => sum + times * on[gpu]![of], 0);

const shareOf = ({ times, on }: PlanRow, rows: readonly PlanRow[], gpu: number): number =>
  (times * on[gpu]!.ms) / stepMs(rows, gpu, "ms");

const above = ({ ms, leastMs }: Modelled): number => ms / leastMs;

/** Kernels far above their bound on a GPU that take a part of the step, those that lose most time first. */
export const namedRows = (rows: readonly PlanRow[], gpu: number): PlanRow[] =>
  rows
    .filter((row) => above(row.on[gpu]!) > namedFrom && shareOf(row, rows, gpu) >= leastShare)
    .sort((a, b) => lost(b, gpu) - lost(a, gpu));

const lost = ({ times, on }: PlanRow, gpu: number): number => times * (on[gpu]!.ms - on[gpu]!.leastMs);

const columns: readonly Column<PlanRow>[] = [
  {
    name: "modelled kernel",
    left: true,
    above: true,
    cell: ({ kernel: { label }, times }) => `${cut(label, 56)}${times > 1 ? ` ×${times}` : ""}`,
  },
  { name: "variant", left: true, above: true, cell: ({ kernel }) => cut(kernel.variant, 16) },
  { name: "asked × least", minor: true, cell: ({ kernel }) => multiple(kernel.asked / kernel.bytes) },
  { name: "op/byte", minor: true, cell: ({ kernel }) => figure(kernel.flopsPerByte) },
  { name: "invocations", minor: true, cell: ({ kernel }) => String(kernel.invocations) },
  { name: "KiB shared", minor: true, cell: ({ kernel }) => figure(kernel.workgroupBytes / 1024) },
  ...gpus.map(
    ({ name }, i): Column<PlanRow> => ({
      name,
      cell: ({ on, times }) => `${duration(times * on[i]!.ms)}, ${farOn(on[i]!)}`,
    }),
  ),
];

/** What keeps a kernel above its bound, and how far. */
const farOn = (on: Modelled): string => `${on.limit} ×${multiple(above(on))}`;

/** How many times something is another: counts of samples are too rough for more than two decimals. */
const multiple = (value: number): string => (value < 10 ? value.toFixed(2) : figure(value));

/** A time with its unit: ns, µs or ms. */
function duration(ms: number): string {
  if (ms >= 1) return `${figure(ms)} ms`;
  return ms >= 1e-3 ? `${figure(1e3 * ms)} µs` : `${figure(1e6 * ms)} ns`;
}

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** A shape's table, and the kernels that are far above their bound. */
export function planText({ name }: Shape, rows: readonly PlanRow[], room: number): string {
  const large = rows.filter((row) => gpus.some((_, i) => shareOf(row, rows, i) >= leastShare));
  const small = rows.length - large.length;
  const lines = gpus.map((gpu, i) => gpuLine(gpu, i, rows));
  return [
    `${name} (modelled, not timed)`,
    table(columns, large, room),
    ...(small > 0 ? [`and ${small} that take less than 1 % each`] : []),
    ...lines,
  ].join("\n");
}

/** A line on a step, and one for each kernel that is named. */
function gpuLine({ name }: DescribedGpu, gpu: number, rows: readonly PlanRow[]): string {
  const named = namedRows(rows, gpu).map(
    ({ kernel, on }) => `\n  ${cut(kernel.label, 40)} ${cut(kernel.variant, 16)}: ${farOn(on[gpu]!)}`,
  );
  const [step, least] = [stepMs(rows, gpu, "ms"), stepMs(rows, gpu, "leastMs")];
  const far = named.length > 0 ? `; more than ${namedFrom}× their bound:${named.join("")}` : "";
  return `${name}: modelled step ${duration(step)}, bound ${duration(least)}${far}`;
}
