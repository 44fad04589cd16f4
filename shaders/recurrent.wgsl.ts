import { array, result } from "./lib/array.ts";
import type { Part, View } from "./lib/kernel.ts";
import { plus, times } from "./lib/view.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/*
 * Recurrence over a sequence: the parts common to LSTM, GRU and plain RNN. The formulas are in lstm.wgsl.ts,
 * gru.wgsl.ts and rnn.wgsl.ts; here are buffers, positions, and what a step does with its products.
 *
 * Sequences are [T, N, …] or [N, T, …]: STEP_T and STEP_N are the distances between neighbours in time and in the
 * batch, in rows. F is the type of values: vec4f over four neighbouring units if H is divisible by 4, else f32.
 *
 * Sequences and weights may be f16. All arithmetic is f32. What accumulates from step to step, a cell state or a GRU's h,
 * then has an f32 copy of the latest step, `state`, as does the gradient that passes between steps, `carry`.
 */

/** The formulas of one step, and what must be stored of it. */
export interface Cell {
  readonly name: "lstm" | "gru" | "rnn";
  /** Blocks of H rows in the weights. */
  readonly gates: number;
  /** Whether a step stores a second value per unit besides h. */
  readonly keeps: boolean;
  /** What the cell reads of the previous step besides the product: the kept value, h itself, or nothing. */
  readonly before: "kept" | "outputs" | undefined;
  /** Whether a gradient passes between steps other than through the product. */
  readonly carries: boolean;
  /** Whether the gradients of x and u differ, so that both are stored. */
  readonly splits: boolean;
  /** Arithmetic operations per unit, forward. */
  readonly flops: number;
  /** Functions; the last is `fn cell(x: Gates, u: Gates, before: F) -> Step`. */
  readonly forward: readonly string[];
  /** Functions; the last is `fn cellGrad(gates: Gates, kept: F, before: F, dh: F, carried: F) -> StepGrad`. */
  readonly backward: readonly string[];
}

/** Buffers by role, in the order of their bindings. */
export const roles = [
  "gates", // [T, N, G·H]: first x, then the activated gates, and after the backward pass their gradients
  "kept", // [T, N, H]
  "weight", // [G·H, H], or [H, G·H] if transposed
  "bias", // [G·H], added to the product
  "startH", // [N, H]
  "startC", // [N, H]
  "outputs", // [T, N, H]
  "state", // [N, H], f32: what `before` reads instead of an f16 sequence
  "dOutputs",
  "dKept",
  "dRecurrent", // [T, N, G·H]: gradients of u, if they differ from those of x
  "carry", // [N, H]: the gradient that passes between steps
  "position", // the position t of the step, [1]
] as const;
export type Role = (typeof roles)[number];

export interface Recurrence {
  readonly cell: Cell;
  readonly pass: "forward" | "backward";
  readonly steps: number;
  /** Size of the batch. */
  readonly rows: number;
  readonly hidden: number;
  /** Whether the sequence is processed in reverse. */
  readonly reverse: boolean;
  /** Whether the batch axis comes before time. */
  readonly batchFirst: boolean;
  /** Whether the activated gates replace x, for use in the backward pass. */
  readonly saves: boolean;
  /** Absent ones are not bound. All are row-major except incoming gradients. */
  readonly views: Readonly<Partial<Record<Role, View>>>;
}

/**
 * Which step a kernel computes, in forward order: the ends of a sequence differ from other steps. An undefined property
 * is decided at run time.
 */
export interface Place {
  readonly first?: boolean;
  readonly last?: boolean;
}

/** The first and the last position in forward order. */
export const firstOf = ({ reverse, steps }: Recurrence): number => (reverse ? steps - 1 : 0);
export const lastOf = ({ reverse, steps }: Recurrence): number => (reverse ? 0 : steps - 1);

/** The position before (−1) or after (+1) `t` in forward order. */
export const neighbour = ({ reverse }: Recurrence, by: -1 | 1): string =>
  reverse === by > 0 ? "(t - 1u)" : "(t + 1u)";

/** The index of a row of the batch at position `t` in the whole sequence. */
export const rowAt = (t: string, row: string): string => `(${t} * STEP_T + ${row} * STEP_N)`;

/**
 * Buffers, constants and the cell of a step. `step()` is its position. `fn finish(t, row, unit, product)` runs the cell
 * on the product of one row and unit, and stores the results. It returns what the next step's product needs: h, or the
 * gradients of the gates, in f32. Roles are accessors: `gates(i)` reads, `gates_put(i, value)` stores.
 * @param width units per F.
 */
export function recurrence(p: Recurrence, place: Place, width: 1 | 4): Part {
  const { cell, pass, steps, rows, hidden, batchFirst, views } = p;
  const [stepT, stepN] = batchFirst ? [1, steps] : [rows, 1];
  const operands = roles.map((role) => {
    const [view, own] = [views[role], isVector(p, role) ? width : 1];
    return view && isWritten(p, role) ? result(role, view, own) : array(role, view, own);
  });
  return {
    buffers: operands.flatMap(({ buffers }) => buffers ?? []),
    constants: {
      T: [steps, "steps"],
      ROWS: [rows, "of the batch"],
      UNITS: [hidden / width, width === 4 ? "vec4s of hidden units" : "hidden units"],
      GATES: [cell.gates, "per unit"],
      STEP_T: [stepT, "distance of neighbours in time, in rows"],
      STEP_N: [stepN, "distance of neighbours in the batch, in rows"],
    },
    functions: [
      `alias Gates = array<F, ${cell.gates}>;`,
      ...(pass === "forward" ? forward(p, place) : backward(p, place, width)),
    ],
    // Merging the two directions' steps would save 13 to 26 % of small steps on SwiftShader, but takes 3 times as long
    // to compile.
    alone: true,
    accessors: {
      ...Object.assign({}, ...operands.map(({ accessors }) => accessors)),
      step: () => (place.first ? `${firstOf(p)}u` : place.last ? `${lastOf(p)}u` : "position[0]"),
    },
  };
}

const isWritten = ({ pass, saves }: Recurrence, role: Role): boolean =>
  pass === "backward"
    ? role === "gates" || role === "dRecurrent" || role === "carry"
    : role === "kept" || role === "outputs" || role === "state" || (role === "gates" && saves);

/** Whether a buffer can be read as vec4s. */
function isVector({ views }: Recurrence, role: Role): boolean {
  if (role === "position") return false;
  if ((role !== "dOutputs" && role !== "dKept") || !views[role]) return true;
  const { strides, offset } = views[role];
  return strides[2] === 1 && [...strides.slice(0, 2), offset].every((n) => n % 4 === 0);
}

/** `Gates(…)` with a text per gate, from its index and the offset of its block. */
const gatesOf = ({ gates }: Cell, text: (g: number, block: string) => string): string =>
  `Gates(${each(gates, (g) => text(g, blockOf(g))).join(", ")})`;
const blockOf = (g: number): string => (g === 0 ? "" : g === 1 ? " + UNITS" : ` + ${g}u * UNITS`);

/** Statements that define `name`: `value` at one end of the sequence, `otherwise` elsewhere. */
function choice(name: string, end: number, isEnd: boolean | undefined, value: string, otherwise: string): string[] {
  if (isEnd !== undefined) return [`let ${name} = ${isEnd ? value : otherwise};`];
  return [`var ${name} = ${value};`, `if (t != ${end}u) { ${name} = ${otherwise}; }`];
}

/** Defines `before`: the value of the previous step that the cell reads besides the product. */
function before(p: Recurrence, place: Place): string[] {
  const role = p.cell.before;
  if (!role) return ["let before = F();"];
  const start = role === "kept" ? "startC" : "startH";
  return choice(
    "before",
    firstOf(p),
    place.first,
    p.views[start] ? `${start}(row * UNITS + unit)` : "F()",
    p.views.state ? "state(row * UNITS + unit)" : `${role}(${rowAt(neighbour(p, -1), "row")} * UNITS + unit)`,
  );
}

const forward = (p: Recurrence, place: Place): string[] => [
  "struct Step { h: F, kept: F, gates: Gates }",
  ...p.cell.forward,
  wgsl`
    fn finish(t: u32, row: u32, unit: u32, product: Gates) -> F {
      if (row >= ROWS || unit >= UNITS) { return F(); }
      let at = t * STEP_T + row * STEP_N;
      let own = at * UNITS + unit;
      let first = at * GATES * UNITS + unit;
      let x = ${gatesOf(p.cell, (_, block) => `gates(first${block})`)};
      #if ${p.views.bias !== undefined}
      let u = ${gatesOf(p.cell, (g, block) => `product[${g}] + bias(unit${block})`)};
      #else
      let u = product;
      #endif
      ${before(p, place)}
      let step = cell(x, u, before);
      outputs_put(own, step.h);
      #if ${p.views.kept !== undefined}
      kept_put(own, step.kept);
      #endif
      #if ${p.views.state !== undefined}
      state_put(row * UNITS + unit, step.${p.cell.before === "kept" ? "kept" : "h"});
      #endif
      #if ${p.saves}
      ${each(p.cell.gates, (g) => `gates_put(first${blockOf(g)}, step.gates[${g}]);`)}
      #endif
      return step.h;
    }`,
];

const backward = (p: Recurrence, place: Place, width: 1 | 4): string[] => [
  "struct StepGrad { x: Gates, u: Gates, carried: F }",
  ...p.cell.backward,
  wgsl`
    fn finish(t: u32, row: u32, unit: u32, product: F) -> Gates {
      if (row >= ROWS || unit >= UNITS) { return Gates(); }
      let at = t * STEP_T + row * STEP_N;
      let own = at * UNITS + unit;
      let first = at * GATES * UNITS + unit;
      let activated = ${gatesOf(p.cell, (_, block) => `${p.cell.gates === 1 ? "outputs" : "gates"}(first${block})`)};
      let dh = ${["product", ...incoming(p, "dOutputs", width)].join(" + ")};
      ${before(p, place)}
      #if ${p.cell.carries}
      ${choice("carried", lastOf(p), place.last, "F()", "carry(row * UNITS + unit)")}
      #else
      let carried = F();
      #endif
      let step = cellGrad(activated, ${p.cell.keeps ? "kept(own)" : "F()"}, before, dh, ${["carried", ...incoming(p, "dKept", width)].join(" + ")});
      ${each(p.cell.gates, (g) => `gates_put(first${blockOf(g)}, step.x[${g}]);`)}
      #if ${p.cell.splits}
      ${each(p.cell.gates, (g) => `dRecurrent_put(first${blockOf(g)}, step.u[${g}]);`)}
      #endif
      #if ${p.cell.carries}
      carry_put(row * UNITS + unit, step.carried);
      #endif
      return step.u;
    }`,
];

/** An incoming gradient at `t`, `row` and `unit`, whatever its layout; none if absent. */
function incoming(p: Recurrence, role: "dOutputs" | "dKept", width: 1 | 4): string[] {
  const view = p.views[role];
  if (!view) return [];
  const [a, b, unit] = view.strides as [number, number, number];
  const [time, batch] = p.batchFirst ? [b, a] : [a, b];
  const at = (by: number, first: number) =>
    plus(
      `${(view.offset + first) / by}u`,
      times("t", time / by),
      times("row", batch / by),
      times("unit", (unit * width) / by),
    );
  if (width === 1 || isVector(p, role)) return [`${role}(${at(width, 0)})`];
  return [`F(${each(width, (i) => `${role}(${at(1, i * unit)})`).join(", ")})`];
}
