import type { Shape } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { concat } from "../../src/ops/moves/concat.ts";
import { reshape } from "../../src/ops/moves/views.ts";
import { gru, gruCell, lstm, lstmCell, type RecurrentWeights, rnn, rnnCell } from "../../src/ops/network/recurrent.ts";
import { reals } from "../draws.ts";
import type { CaseRow } from "./row.ts";

const sequences = { lstm, gru, rnn };
const cells = { gru: gruCell, rnn: rnnCell };

/** All results in one line, so that each contributes to the gradient. */
const line = (tensors: readonly Tensor[]): Tensor => concat(tensors.map((tensor) => reshape(tensor, [-1])));

/** Weights of each layer and direction, four tensors each. */
const weightsOf = (tensors: readonly Tensor[]): RecurrentWeights[] =>
  Array.from({ length: tensors.length / 4 }, (_, i) => {
    const [weightIh, weightHh, biasIh, biasHh] = tensors.slice(4 * i, 4 * i + 4) as [Tensor, Tensor, Tensor, Tensor];
    return { weightIh, weightHh, biasIh, biasHh };
  });

const weightShapes = (gates: number, inputs: number, hidden: number): Shape[] => [
  [gates * hidden, inputs],
  [gates * hidden, hidden],
  [gates * hidden],
  [gates * hidden],
];

const common = { draws: [reals(-1, 1)], tolerance: [2e-5, 5e-5] } as const;

function rows(name: "lstm" | "gru" | "rnn", gates: number): CaseRow[] {
  const layer = (steps: number, batch: number, inputs: number, hidden: number): Shape[] => [
    [steps, batch, inputs],
    ...weightShapes(gates, inputs, hidden),
  ];
  const states = (batch: number, hidden: number): Shape[] =>
    Array.from({ length: name === "lstm" ? 2 : 1 }, () => [1, batch, hidden]);
  return [
    {
      name,
      op: (x, ...weights) => line(Object.values(sequences[name](x, weightsOf(weights)))),
      shapes: [layer(3, 2, 2, 3), layer(1, 1, 1, 1), layer(2, 5, 3, 4)],
      ...common,
    },
    {
      name: `${name} with first states`,
      op(x, ...rest) {
        const [h0, c0] = rest.slice(4);
        const options = { h0: h0!, ...(c0 && { c0 }) };
        return line(Object.values(sequences[name](x, weightsOf(rest.slice(0, 4)), options)));
      },
      shapes: [
        [...layer(3, 2, 2, 4), ...states(2, 4)],
        [...layer(1, 3, 2, 3), ...states(3, 3)],
      ],
      ...common,
    },
    {
      name: `${name} of two layers and directions, batch first`,
      op: (x, ...weights) =>
        line(Object.values(sequences[name](x, weightsOf(weights), { bidirectional: true, batchFirst: true }))),
      shapes: [
        [
          [2, 3, 2],
          ...weightShapes(gates, 2, 2),
          ...weightShapes(gates, 2, 2),
          ...weightShapes(gates, 4, 2),
          ...weightShapes(gates, 4, 2),
        ],
      ],
      ...common,
    },
    {
      name: `${name}Cell`,
      op(x, ...rest) {
        const [weights] = weightsOf(rest.slice(0, 4));
        const [h, c] = rest.slice(4);
        if (name !== "lstm") return cells[name](x, weights!, h);
        return line(Object.values(lstmCell(x, weights!, { h: h!, c: c! })));
      },
      shapes: [[[3, 2], ...weightShapes(gates, 2, 4), ...states(3, 4).map((shape) => shape.slice(1))]],
      ...common,
    },
  ];
}

export const recurrentRows: readonly CaseRow[] = [...rows("lstm", 4), ...rows("gru", 3), ...rows("rnn", 1)];
