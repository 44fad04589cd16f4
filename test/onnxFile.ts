/*
 * Writes small ONNX models for tests. Fields have the numbers of onnx.proto; a message is a list of them.
 */

type Content = number | string | Uint8Array | readonly Field[];
type Field = readonly [number: number, content: Content];

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    if (rest < 0x80n) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

/** A message as bytes: whole numbers are varints, everything else has a length. */
export function message(fields: readonly Field[]): Uint8Array {
  return Uint8Array.from(
    fields.flatMap(([number, content]) => {
      if (typeof content === "number") return [...varint(number * 8), ...varint(content)];
      const bytes =
        typeof content === "string"
          ? new TextEncoder().encode(content)
          : content instanceof Uint8Array
            ? content
            : message(content);
      return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
    }),
  );
}

const floats = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const wholes = (values: readonly number[]): Uint8Array =>
  new Uint8Array(BigInt64Array.from(values, (value) => BigInt(value)).buffer);

/** A weight: f32 numbers, or int64 ones. */
export const tensor = (name: string, dims: readonly number[], values: readonly number[], isWhole = false): Field[] => [
  ...dims.map((n): Field => [1, n]),
  [2, isWhole ? 7 : 1],
  [8, name],
  [9, isWhole ? wholes(values) : floats(values)],
];

/** An input or output; sizes or names of sizes. */
export const info = (name: string, dims: readonly (number | string)[], type = 1): Field[] => [
  [1, name],
  [
    2,
    [
      [
        1,
        [
          [1, type],
          [2, dims.map((dim): Field => [1, [typeof dim === "number" ? [1, dim] : [2, dim]]])],
        ],
      ],
    ],
  ],
];

export const node = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Field[] = [],
): Field[] => [
  ...inputs.map((name): Field => [1, name]),
  ...outputs.map((name): Field => [2, name]),
  [3, `${op.toLowerCase()}_${outputs[0]}`],
  [4, op],
  ...attributes,
];

/** A whole number as an attribute. */
export const int = (name: string, value: number): Field => [
  5,
  [
    [1, name],
    [3, value],
    [20, 2],
  ],
];

/** A text as an attribute. */
export const text = (name: string, value: string): Field => [
  5,
  [
    [1, name],
    [4, value],
    [20, 3],
  ],
];

interface Parts {
  readonly nodes?: readonly (readonly Field[])[];
  readonly weights?: readonly (readonly Field[])[];
  readonly inputs?: readonly (readonly Field[])[];
  /** Names; or as `info`, for readers that check shapes. */
  readonly outputs?: readonly (string | readonly Field[])[];
  readonly opset?: number;
}

export const graph = ({ nodes = [], weights = [], inputs = [], outputs = ["y"] }: Parts): Field[] => [
  ...nodes.map((fields): Field => [1, fields]),
  [2, "graph"],
  ...weights.map((fields): Field => [5, fields]),
  ...inputs.map((fields): Field => [11, fields]),
  ...outputs.map((output): Field => [12, typeof output === "string" ? info(output, []) : output]),
];

/** A model as a file. */
export const model = (parts: Parts): Uint8Array =>
  message([
    [1, 8],
    [2, "test"],
    [7, graph(parts)],
    [
      8,
      [
        [1, ""],
        [2, parts.opset ?? 17],
      ],
    ],
  ]);
