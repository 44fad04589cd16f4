import { storage } from "./lib/grid.wgsl.ts";
import { sigmoidText, tangentText } from "./lib/math.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/*
 * Recurrence over a sequence: what LSTM, GRU and plain RNN share. A cell brings its formulas (lstm.wgsl.ts, gru.wgsl.ts,
 * rnn.wgsl.ts); here are buffers, positions, the recurrent product and the order of the steps.
 *
 * Sequences are [T, N, …] or [N, T, …]: STEP_T and STEP_N are the distances of neighbours in time and in the batch, in rows. F
 * is the element type: vec4f over four neighbouring units where H divides by four, f32 otherwise.
 */

/** The formulas of one step, and what of it has to be remembered. */
export interface Cell {
  readonly name: "lstm" | "gru" | "rnn";
  /** Blocks of H rows in the weights. */
  readonly gates: number;
  /** Whether a step keeps a second value per unit beside h. */
  readonly keeps: boolean;
  /** What the cell takes of the step before beside the product: the kept value, h itself, or nothing. */
  readonly before: "kept" | "outputs" | undefined;
  /** Whether a gradient passes from step to step beside the product. */
  readonly carries: boolean;
  /** Whether the gradients of x and of u differ, so that both are stored. */
  readonly splits: boolean;
  /** Arithmetic operations of one unit, forward. */
  readonly flops: number;
  /** `fn cell(x: Gates, u: Gates, before: F) -> Step` */
  readonly text: string;
  /** `fn cellGrad(gates: Gates, kept: F, before: F, dh: F, carried: F) -> StepGrad` */
  readonly gradient: string;
}

/** Buffers by what they hold, in the order in which they are bound. */
export const roles = [
  "gates", // [T, N, G·H]: x at first, then the activated gates, in the backward pass at last their gradients
  "kept", // [T, N, H]
  "weight", // [G·H, H], or [H, G·H] where transposed
  "bias", // [G·H], added to the product
  "startH", // [N, H]
  "startC", // [N, H]
  "outputs", // [T, N, H]
  "dOutputs",
  "dKept",
  "dRecurrent", // [T, N, G·H]: gradients of u, where they differ from those of x
  "carry", // [N, H]: the gradient that passes from step to step
  "position", // the position t of the step, [1]
] as const;
export type Role = (typeof roles)[number];

/** An incoming gradient as it lies: distances of neighbours in time, batch and units. */
export interface Incoming {
  readonly strides: readonly [number, number, number];
  readonly offset: number;
}

export interface RecurrentParams {
  readonly cell: Cell;
  readonly pass: "forward" | "backward";
  readonly steps: number;
  readonly rows: number;
  readonly hidden: number;
  /** Whether the sequence is walked from its end. */
  readonly reverse: boolean;
  /** Distances of neighbours in time and batch, in rows. */
  readonly strides: readonly [time: number, batch: number];
  /** Whether the activated gates take the place of x: the backward pass will need them. */
  readonly saves: boolean;
  /** Elements of each bound buffer; what is not there is not bound. */
  readonly lengths: Readonly<Partial<Record<Role, number>>>;
  readonly incoming: Readonly<Partial<Record<"dOutputs" | "dKept", Incoming>>>;
  /** Whether `weight` is bound transposed. */
  readonly transposed: boolean;
}

/**
 * Which step a kernel computes, in the order of the forward pass: the ends of a sequence differ from what lies between. What is
 * left out is decided as the kernel runs.
 */
export interface Place {
  readonly first?: boolean;
  readonly last?: boolean;
}

export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const written: readonly Role[] = ["kept", "outputs", "gates"];

/** Whether a buffer is bound for writing. */
export const isWritten = ({ pass, saves }: Pick<RecurrentParams, "pass" | "saves">, role: Role): boolean =>
  pass === "backward"
    ? ["gates", "dRecurrent", "carry"].includes(role)
    : written.includes(role) && (role !== "gates" || saves);

const isVector = ({ incoming }: RecurrentParams, role: Role): boolean => {
  if (role === "position") return false;
  const view = incoming[role as "dOutputs"];
  return !view || (view.strides[2] === 1 && [...view.strides.slice(0, 2), view.offset].every((n) => n % 4 === 0));
};

/** Position next to `t`, earlier (−1) or later (+1) in the order in which the sequence is walked. */
export const neighbour = ({ reverse }: RecurrentParams, by: -1 | 1): string =>
  reverse === by > 0 ? "(t - 1u)" : "(t + 1u)";

/** Position where the walk of the forward pass begins. */
export const firstOf = ({ reverse, steps }: RecurrentParams): number => (reverse ? steps - 1 : 0);
export const lastOf = ({ reverse, steps }: RecurrentParams): number => (reverse ? 0 : steps - 1);

/** `value` at one end of the sequence, `otherwise` elsewhere, as an expression of type F in statements that define `name`. */
function choice(name: string, end: number, isEnd: boolean | undefined, value: string, otherwise: string): string[] {
  if (isEnd !== undefined) return [`let ${name} = ${isEnd ? value : otherwise};`];
  return [`var ${name} = ${value};`, `if (t != ${end}u) { ${name} = ${otherwise}; }`];
}

/**
 * Everything but `main`: constants, buffers, the cell, and `finish`, which takes the product of one row and unit, runs the cell
 * and stores its results. It returns what the next step's product needs: h, or the gradients of the gates.
 * @param width units that F holds: 4 or 1.
 */
export function preamble(p: RecurrentParams, width: 1 | 4, place: Place): string {
  const { cell, hidden, lengths, pass } = p;
  const bound = roles.filter((role) => lengths[role] !== undefined);
  const declarations = bound.map((role, i) => {
    const element = role === "position" ? "u32" : width === 4 && isVector(p, role) ? "vec4f" : "f32";
    const length = lengths[role]! / (element === "vec4f" ? 4 : 1);
    return storage(i, role, isWritten(p, role) ? "read_write" : "read", element, length);
  });
  return wgsl`
alias F = ${width === 4 ? "vec4f" : "f32"};
alias Gates = array<F, ${cell.gates}>;
const T = ${p.steps}u;
const ROWS = ${p.rows}u; // of the batch
const H = ${hidden}u;
const UNITS = ${hidden / width}u; // of type F
const GATES = ${cell.gates}u;
const STEP_T = ${p.strides[0]}u;
const STEP_N = ${p.strides[1]}u;
${declarations}

${sigmoidText}
${tangentText}

${pass === "forward" ? forwardText(p, place) : backwardText(p, width, place)}
`;
}

/** The value of the step before that the cell takes beside the product. */
function beforeText(p: RecurrentParams, place: Place): string[] {
  const { before } = p.cell;
  if (!before) return ["let before = F();"];
  const start: Role = before === "kept" ? "startC" : "startH";
  const at = `(${neighbour(p, -1)} * STEP_T + row * STEP_N) * UNITS + unit`;
  return choice(
    "before",
    firstOf(p),
    place.first,
    p.lengths[start] ? `${start}[row * UNITS + unit]` : "F()",
    `${before}[${at}]`,
  );
}

const list = (n: number, text: (i: number) => string): string => range(n).map(text).join(", ");
const block = (g: number): string => (g === 0 ? "" : ` + ${g === 1 ? "" : `${g}u * `}UNITS`);

const forwardText = (p: RecurrentParams, place: Place): string => wgsl`
struct Step { h: F, kept: F, gates: Gates }
${p.cell.text}

fn finish(t: u32, row: u32, unit: u32, product: Gates) -> F {
  if (row >= ROWS || unit >= UNITS) { return F(); }
  let at = t * STEP_T + row * STEP_N;
  let own = at * UNITS + unit;
  let from_ = at * GATES * UNITS + unit;
  let x = Gates(${list(p.cell.gates, (g) => `gates[from_${block(g)}]`)});
  #if ${p.lengths.bias !== undefined}
  let u = Gates(${list(p.cell.gates, (g) => `product[${g}] + bias[unit${block(g)}]`)});
  #else
  let u = product;
  #endif
${beforeText(p, place).map((line) => `  ${line}`)}
  let step = cell(x, u, before);
  outputs[own] = step.h;
  #if ${p.lengths.kept !== undefined}
  kept[own] = step.kept;
  #endif
${p.saves ? range(p.cell.gates).map((g) => `  gates[from_${block(g)}] = step.gates[${g}];`) : []}
  return step.h;
}
`;

/** Element of type F of an incoming gradient; 0 where there is none. */
function incomingText(p: RecurrentParams, width: 1 | 4, role: "dOutputs" | "dKept"): string {
  const view = p.incoming[role];
  if (!view) return "F()";
  const [time, batch, unit] = view.strides;
  if (width === 4 && isVector(p, role))
    return `${role}[${view.offset / 4}u + t * ${time / 4}u + row * ${batch / 4}u + unit]`;
  const at = `${view.offset}u + t * ${time}u + row * ${batch}u + unit * ${unit * width}u`;
  return `F(${list(width, (i) => `${role}[${at} + ${i * unit}u]`)})`;
}

function backwardText(p: RecurrentParams, width: 1 | 4, place: Place): string {
  const { cell } = p;
  const activated = cell.gates === 1 ? "outputs" : "gates";
  return wgsl`
struct StepGrad { x: Gates, u: Gates, carried: F }
${cell.gradient}

fn finish(t: u32, row: u32, unit: u32, product: F) -> Gates {
  if (row >= ROWS || unit >= UNITS) { return Gates(); }
  let at = t * STEP_T + row * STEP_N;
  let own = at * UNITS + unit;
  let from_ = at * GATES * UNITS + unit;
  let activated = Gates(${list(cell.gates, (g) => `${activated}[from_${block(g)}]`)});
  let dh = product + ${incomingText(p, width, "dOutputs")};
${beforeText(p, place).map((line) => `  ${line}`)}
${cell.carries ? choice("carried", lastOf(p), place.last, "F()", "carry[row * UNITS + unit]").map((line) => `  ${line}`) : []}
  let step = cellGrad(activated, ${cell.keeps ? "kept[own]" : "F()"}, before, dh, ${cell.carries ? `carried + ${incomingText(p, width, "dKept")}` : "F()"});
${range(cell.gates).map((g) => `  gates[from_${block(g)}] = step.x[${g}];`)}
${cell.splits ? range(cell.gates).map((g) => `  dRecurrent[from_${block(g)}] = step.u[${g}];`) : []}
  #if ${cell.carries}
  carry[row * UNITS + unit] = step.carried;
  #endif
  return step.u;
}
`;
}
