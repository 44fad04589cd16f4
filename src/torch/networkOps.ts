import type { Geometry } from "../kernels/conv2d.ts";
import type { OpCall, OpRow } from "./ops.ts";
import { atom, call, type Expression, float, literal, operand } from "./python.ts";

/** Text that stands in a call as it is. */
const bare = (text: string): unknown => ({ toString: () => text });

/** [vertical, horizontal], or one number where both are the same. */
const pair = ([a, b]: readonly number[]): unknown => (a === b ? a : [a, b]);

const shared = ({ stride, dilation, groups }: Geometry): [string, unknown, unknown][] => [
  ["stride", pair(stride), 1],
  ["dilation", pair(dilation), 1],
  ["groups", groups, 1],
];

/** Convolutions, pooling and normalisations as functions. Layers of a model have rows of their own, in `layers.ts`. */
export const networkRows: Readonly<Record<string, OpRow>> = {
  conv2d({ args: [x, weight], inputs, attrs: { geometry, size } }) {
    const { top, bottom, left, right, stride, dilation } = geometry as Geometry;
    const isEven = top === bottom && left === right && top >= 0 && left >= 0;
    const image = isEven ? x!.text : `F.pad(${x!.text}, ${literal([left, right, top, bottom])})`;
    const pads = [top + bottom, left + right];
    const [image2, kernel] = [inputs[0]!.shape.slice(2), inputs[1]!.shape.slice(2)];
    const natural = image2.map(
      (n, k) => Math.floor((n + pads[k]! - dilation[k]! * (kernel[k]! - 1) - 1) / stride[k]!) + 1,
    );
    if (natural.some((n, k) => n !== size[k])) throw new Error(`a result of ${size}, where PyTorch's is ${natural}`);
    const padding: [string, unknown, unknown] = ["padding", isEven ? pair([top, left]) : 0, 0];
    return atom(call("F.conv2d", [bare(image), bare(weight!.text)], [...shared(geometry), padding]));
  },
  conv2dInputGrad({ args: [y, weight], inputs, attrs: { geometry, size } }) {
    const { top, bottom, left, right, stride, dilation } = geometry as Geometry;
    if (top !== bottom || left !== right) throw new Error("transposed, with padding that differs between both sides");
    const [positions, kernel] = [inputs[0]!.shape.slice(2), inputs[1]!.shape.slice(2)];
    const rest = [0, 1].map(
      (k) => size[k] - ((positions[k]! - 1) * stride[k]! - 2 * [top, left][k]! + dilation[k]! * (kernel[k]! - 1) + 1),
    );
    return atom(
      call(
        "F.conv_transpose2d",
        [bare(y!.text), bare(weight!.text)],
        [...shared(geometry), ["padding", pair([top, left]), 0], ["output_padding", pair(rest), 0]],
      ),
    );
  },
  maxPool2d({ args: [x], inputs, attrs: { windows } }) {
    const { kernel, stride, padding, dilation, size } = windows;
    const floor = inputs[0]!.shape
      .slice(2)
      .map((n, k) => Math.floor((n + 2 * padding[k] - dilation[k] * (kernel[k] - 1) - 1) / stride[k]) + 1);
    return atom(
      call(
        "F.max_pool2d",
        [bare(x!.text), pair(kernel)],
        [
          ["stride", pair(stride), pair(kernel)],
          ["padding", pair(padding), 0],
          ["dilation", pair(dilation), 1],
          ["ceil_mode", floor.some((n, k) => n !== size[k]), false],
        ],
      ),
    );
  },
  layerNorm: normRow,
  binaryCrossEntropy: ({ args: [x, y] }) => atom(`F.binary_cross_entropy(${x!.text}, ${y!.text}, reduction="none")`),
};

/** Rows `[rows, length]`, normalised; their weights repeat after `groups` rows, and each serves `spread` neighbours. */
function normRow({ args: [x, weight, bias], inputs, attrs: { kind, eps, groups, spread } }: OpCall): Expression {
  const [, length] = inputs[0]!.shape as [number, number];
  const isPlain = groups === 1 && spread === 1;
  const flat = (each: Expression | undefined) => each && `${operand(each, 0)}.reshape(-1)`;
  if (kind === "layer" && isPlain) {
    const text = call(
      "F.layer_norm",
      [bare(x!.text), [length]],
      [
        ["weight", weight && bare(flat(weight)!), undefined],
        ["bias", bias && bare(flat(bias)!), undefined],
        ["eps", eps, 1e-5],
      ],
    );
    return atom(text);
  }
  const normal =
    kind === "layer"
      ? call("F.layer_norm", [bare(x!.text), [length]], [["eps", eps, 1e-5]])
      : `${operand(x!, 1)} * torch.rsqrt(${operand(x!, 0)}.square().mean(1, keepdim=True) + ${float(eps)})`;
  if (!weight) return { text: normal, level: kind === "layer" ? 0 : 2 };
  if (isPlain) return { text: `${normal} * ${flat(weight)}${bias ? ` + ${flat(bias)}` : ""}`, level: bias ? 3 : 2 };
  const parted = (each: Expression) => `${operand(each, 0)}.reshape(${groups}, ${length / spread}, 1)`;
  const whole = kind === "layer" ? normal : `(${normal})`;
  const rows = `${whole}.reshape(-1, ${groups}, ${length / spread}, ${spread}) * ${parted(weight)}`;
  return atom(`(${rows}${bias ? ` + ${parted(bias)}` : ""}).reshape(-1, ${length})`);
}
