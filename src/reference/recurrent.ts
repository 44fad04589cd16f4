import type { Kernel, Value } from "./value.ts";

/*
 * Recurrent ops by definition: step by step, row by row, unit by unit. `attrs.roles` names the inputs.
 */

type Named = Readonly<Record<string, Value>>;
const named = (roles: readonly string[], inputs: readonly Value[]): Named =>
  Object.fromEntries(roles.map((role, i) => [role, inputs[i]!]));

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Sizes, the order of the steps, and the positions of elements. */
function walk(sequence: Value, weight: Value, { reverse, batchFirst }: { reverse: boolean; batchFirst: boolean }) {
  const [steps, rows] = (batchFirst ? [sequence.shape[1], sequence.shape[0]] : sequence.shape) as [number, number];
  const [wide, hidden] = weight.shape as [number, number];
  const order = Array.from({ length: steps }, (_, i) => (reverse ? steps - 1 - i : i));
  const row = (t: number, n: number) => (batchFirst ? n * steps + t : t * rows + n);
  return { steps, rows, wide, hidden, order, row };
}

/** The previous state's contribution to a gate's unit: row `j` of the weight times h, plus the bias. */
const recurrentPart = ({ weight, bias }: Named, h: Float64Array, n: number, j: number): number => {
  const hidden = weight!.shape[1]!;
  let sum = bias ? bias.data[j]! : 0;
  for (let k = 0; k < hidden; k++) sum += weight!.data[j * hidden + k]! * h[n * hidden + k]!;
  return sum;
};

type Formula = (
  x: readonly number[],
  u: readonly number[],
  before: { h: number; c: number },
) => {
  readonly h: number;
  readonly c: number;
  readonly gates: readonly number[];
  readonly kept: number;
};

const formulas: Readonly<Record<"lstm" | "gru" | "rnn", Formula>> = {
  lstm(x, u, before) {
    const [i, f, g, o] = [
      sigmoid(x[0]! + u[0]!),
      sigmoid(x[1]! + u[1]!),
      Math.tanh(x[2]! + u[2]!),
      sigmoid(x[3]! + u[3]!),
    ];
    const c = f * before.c + i * g;
    return { h: o * Math.tanh(c), c, gates: [i, f, g, o], kept: c };
  },
  gru(x, u, before) {
    const [r, z] = [sigmoid(x[0]! + u[0]!), sigmoid(x[1]! + u[1]!)];
    const n = Math.tanh(x[2]! + r * u[2]!);
    return { h: (1 - z) * n + z * before.h, c: 0, gates: [r, z, n], kept: u[2]! };
  },
  rnn(x, u) {
    const h = Math.tanh(x[0]! + u[0]!);
    return { h, c: 0, gates: [h], kept: 0 };
  },
};

const forward =
  (kind: keyof typeof formulas): Kernel =>
  ({ attrs, results }, inputs) => {
    const given = named(attrs.roles, inputs);
    const { gates, weight, startH, startC } = given;
    const { rows, wide, hidden, order, row } = walk(
      gates!,
      weight!,
      attrs as { reverse: boolean; batchFirst: boolean },
    );
    const [outputs, kept, saved] = [0, 1, 2].map(
      (i) => new Float64Array(gates!.data.length / (i === 2 ? 1 : wide / hidden)),
    );
    let h = startH ? startH.data.slice() : new Float64Array(rows * hidden);
    let c = startC ? startC.data.slice() : new Float64Array(rows * hidden);
    for (const t of order) {
      const [nextH, nextC] = [h.slice(), c.slice()];
      for (let n = 0; n < rows; n++) {
        for (let unit = 0; unit < hidden; unit++) {
          const rowsOfUnit = Array.from({ length: wide / hidden }, (_, g) => g * hidden + unit);
          const x = rowsOfUnit.map((j) => gates!.data[row(t, n) * wide + j]!);
          const u = rowsOfUnit.map((j) => recurrentPart(given, h, n, j));
          const own = n * hidden + unit;
          const step = formulas[kind](x, u, { h: h[own]!, c: c[own]! });
          nextH[own] = step.h;
          nextC[own] = step.c;
          outputs![row(t, n) * hidden + unit] = step.h;
          kept![row(t, n) * hidden + unit] = step.kept;
          rowsOfUnit.forEach((j, g) => {
            saved![row(t, n) * wide + j] = step.gates[g]!;
          });
        }
      }
      h = nextH;
      c = nextC;
    }
    return [outputs!, kept!, saved!].slice(0, results.length);
  };

/** Gradients of one unit: of x and u by gate, and of the previous states. */
type GradFormula = (
  gates: readonly number[],
  kept: number,
  before: { h: number; c: number },
  dh: number,
  dc: number,
) => { readonly x: readonly number[]; readonly u: readonly number[]; readonly h: number; readonly c: number };

const gradients: Readonly<Record<"lstm" | "gru" | "rnn", GradFormula>> = {
  lstm([i, f, g, o], c, before, dh, dcAfter) {
    const dc = dcAfter + dh * o! * (1 - Math.tanh(c) ** 2);
    const x = [
      dc * g! * i! * (1 - i!),
      dc * before.c * f! * (1 - f!),
      dc * i! * (1 - g! ** 2),
      dh * Math.tanh(c) * o! * (1 - o!),
    ];
    return { x, u: x, h: 0, c: dc * f! };
  },
  gru([r, z, n], u, before, dh) {
    const dn = dh * (1 - z!) * (1 - n! ** 2);
    const dr = dn * u * r! * (1 - r!);
    const dz = dh * (before.h - n!) * z! * (1 - z!);
    return { x: [dr, dz, dn], u: [dr, dz, dn * r!], h: dh * z!, c: 0 };
  },
  rnn([h], _, __, dh) {
    const x = [dh * (1 - h! ** 2)];
    return { x, u: x, h: 0, c: 0 };
  },
};

const backward =
  (kind: keyof typeof gradients): Kernel =>
  ({ attrs, results }, inputs) => {
    const given = named(attrs.roles, inputs);
    const { gates, weight, outputs, kept, startH, startC, dOutputs, dKept } = given;
    const activated = kind === "rnn" ? outputs! : gates!;
    const { rows, wide, hidden, order, row } = walk(
      activated,
      weight!,
      attrs as { reverse: boolean; batchFirst: boolean },
    );
    const dGates = new Float64Array(activated.data.length);
    const dRecurrent = new Float64Array(activated.data.length);
    let dh = new Float64Array(rows * hidden);
    let dc = new Float64Array(rows * hidden);
    order.toReversed().forEach((t, i) => {
      const earlier = order[order.length - 2 - i];
      const [lessH, lessC] = [new Float64Array(dh.length), new Float64Array(dc.length)];
      for (let n = 0; n < rows; n++) {
        for (let unit = 0; unit < hidden; unit++) {
          const own = n * hidden + unit;
          const at = row(t, n) * hidden + unit;
          const stateBefore = (states: Value | undefined, start: Value | undefined) =>
            earlier === undefined ? (start?.data[own] ?? 0) : (states?.data[row(earlier, n) * hidden + unit] ?? 0);
          const rowsOfUnit = Array.from({ length: wide / hidden }, (_, g) => row(t, n) * wide + g * hidden + unit);
          const step = gradients[kind](
            rowsOfUnit.map((j) => activated.data[j]!),
            kept?.data[at] ?? 0,
            { h: stateBefore(outputs, startH), c: stateBefore(kept, startC) },
            dh[own]! + (dOutputs?.data[at] ?? 0),
            dc[own]! + (dKept?.data[at] ?? 0),
          );
          rowsOfUnit.forEach((j, g) => {
            dGates[j] = step.x[g]!;
            dRecurrent[j] = step.u[g]!;
          });
          lessH[own]! += step.h;
          lessC[own]! += step.c;
        }
      }
      // The caller takes the gradient of the last product, the one with the first state.
      for (let n = 0; n < rows && earlier !== undefined; n++) {
        for (let j = 0; j < wide; j++) {
          const du = dRecurrent[row(t, n) * wide + j]!;
          for (let unit = 0; unit < hidden; unit++) lessH[n * hidden + unit]! += du * weight!.data[j * hidden + unit]!;
        }
      }
      dh = lessH;
      dc = lessC;
    });
    return [dGates, kind === "lstm" ? dc : dh, dRecurrent].slice(0, results.length);
  };

export const recurrent: Readonly<Record<string, Kernel>> = Object.fromEntries(
  (["lstm", "gru", "rnn"] as const).flatMap((kind) => [
    [`${kind}Sequence`, forward(kind)],
    [`${kind}SequenceGrad`, backward(kind)],
  ]),
);
