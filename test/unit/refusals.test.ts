import { describe, expect, test } from "vitest";
import { AttributeError, DTypeError, ShapeError } from "../../src/errors.ts";
import * as t from "../../src/index.ts";
import { input, type Tensor } from "../../src/index.ts";

const x = input("x", [3, 4]);
const i = input("i", [3, 4], "i32");
const model = t.nn.linear(4, 4);

type Row = readonly [name: string, build: () => unknown, kind: new (message: string) => Error, message: string];

// Errors are thrown on the user's line, and name the op, the rule and the shapes.
const rows: readonly Row[] = [
  [
    "shapes that do not broadcast",
    () => t.add(x, input("b", [3])),
    ShapeError,
    "add: shapes do not broadcast: [3, 4] and [3]",
  ],
  ["operands of two dtypes", () => t.mul(x, i), DTypeError, "mul: operand 1 is i32, expected f32"],
  ["a condition that is not i32", () => t.where(x, x, x), DTypeError, "where: operand 0 is f32, expected i32"],
  ["the logarithm of integers", () => t.log(i), DTypeError, "log: operand 0 is i32, expected f32"],
  ["the mean of integers", () => t.mean(i), DTypeError, "mean: operand is i32"],
  ["an infinite bound", () => t.clamp(x, { max: Number.NaN }), AttributeError, "clamp: max is NaN"],
  [
    "a number too large for a WGSL constant",
    () => t.mul(x, Number.POSITIVE_INFINITY),
    AttributeError,
    "mul: operand 1 is Infinity",
  ],
  [
    "a fraction among integers",
    () => t.add(i, 0.5),
    AttributeError,
    "add: operand 1 is 0.5, expected a whole number that i32 holds",
  ],
  [
    "a reshape to another size",
    () => t.reshape(x, [5, -1]),
    ShapeError,
    "reshape: [3, 4] does not divide into [5, -1]",
  ],
  [
    "an expand of an axis that is not 1",
    () => t.expand(x, [3, 8]),
    ShapeError,
    "expand: cannot expand [3, 4] to [3, 8]: only axes of size 1 repeat",
  ],
  ["a permute that forgets an axis", () => t.permute(x, [0, 0]), ShapeError, "[0, 0] is not an order"],
  ["an empty slice", () => t.slice(x, [[2, 1]]), ShapeError, "slice: axis 0 of [3, 4] has no range of 0 elements"],
  [
    "an axis with positions too large for i32",
    () => t.argmax(t.expand(input("long", [1]), [2 ** 31 + 1])),
    ShapeError,
    "argmax: axis 0 of [2147483649] has 2147483649 elements; positions are i32, so at most 2³¹",
  ],
  [
    "all axes of a tensor with positions too large for i32",
    () => t.argmin(t.expand(input("long", [1, 1]), [2 ** 16, 2 ** 16])),
    ShapeError,
    "argmin: axes 0, 1 of [65536, 65536] have 4294967296 elements",
  ],
  [
    "positions too large for i32",
    () => t.iota([2, 2 ** 31 + 1], 1),
    ShapeError,
    "iota: axis 1 of [2, 2147483649] has 2147483649 elements",
  ],
  ["an axis that does not exist", () => t.sum(x, 2), ShapeError, "sum: axis 2 does not exist in a tensor of 2 axes"],
  ["an axis named twice", () => t.sum(x, [1, -1]), ShapeError, "sum: axis 1 is named twice"],
  [
    "concat of unequal sides",
    () => t.concat([x, input("b", [3, 5])]),
    ShapeError,
    "concat: tensors are [3, 4] and [3, 5], expected sizes that differ only along axis 0",
  ],
  ["stack of unequal shapes", () => t.stack([x, input("b", [4, 3])]), ShapeError, "stack: [4, 3] differs from [3, 4]"],
  ["split sizes that do not add up", () => t.split(x, 1, [1, 2]), ShapeError, "sizes [1, 2] do not add up to 4"],
  ["a negative pad", () => t.pad(x, { low: [-1, 0], high: [0, 0] }), AttributeError, "pad: low holds -1"],
  [
    "a pad of too few axes",
    () => t.pad(x, { low: [1], high: [0, 0] }),
    ShapeError,
    "pad: low has 1 element, expected 2",
  ],
  ["an index of floats", () => t.gather(x, 0, x), DTypeError, "gather: the index is f32, expected i32"],
  [
    "an index that is too large",
    () => t.gather(x, 0, input("j", [1, 9], "i32")),
    ShapeError,
    "gather: index [1, 9] does not fit [3, 4]",
  ],
  ["labels of floats", () => t.oneHot(x, 3), DTypeError, "oneHot: the index is f32"],
  ["inner sizes that differ", () => t.matmul(x, x), ShapeError, "matmul: inner sizes differ: [3, 4] × [3, 4]"],
  [
    "a bias of another size",
    () => t.linear(x, input("w", [5, 4]), input("b", [4])),
    ShapeError,
    "linear: bias [4] does not fit",
  ],
  [
    "attention over unequal sizes",
    () => t.scaledDotProductAttention(x, x, input("v", [2, 4])),
    ShapeError,
    "query, key and value are [3, 4], [3, 4] and [2, 4], expected […, L, E]",
  ],
  [
    "an embedding table of one axis",
    () => t.embedding(i, input("w", [5])),
    ShapeError,
    "embedding: weight is [5], expected [V, D]",
  ],
  [
    "a variance of too few",
    () => t.variance(input("s", [1])),
    AttributeError,
    "variance: 1 element less the correction 1 is 0, expected more than 0",
  ],
  [
    "a correction larger than what there is to correct",
    () => t.std(input("s", [4, 2]), 1, { correction: 3 }),
    AttributeError,
    "std: 2 elements less the correction 3 is -1",
  ],
  ["maxout groups that do not divide", () => t.maxout(x, 3), ShapeError, "maxout: axis 1 of [3, 4]"],
  [
    "an operator",
    () => (x as unknown as number) + 1,
    AttributeError,
    "tensors have no operators: for x + 1 write add(x, 1)",
  ],
  ["a comparison", () => (x as unknown as number) > 1, AttributeError, "tensors have no operators"],
  [
    "a layer that was not called",
    () => t.nn.sequential(t.nn.linear(4, 4), t.nn.relu as never),
    AttributeError,
    "nn.sequential: layer 1 is a function, expected a module: call layers first, as in nn.relu()",
  ],
  [
    "a layer of several results",
    () => t.nn.sequential(t.nn.lstm(4, 4) as never),
    AttributeError,
    "nn.sequential: layer 0 is a module, expected a module with one result: take its .output",
  ],
  [
    "a module for a tensor",
    () => t.add(model as never, 1),
    AttributeError,
    "add: operand 0 is a module, expected a tensor or a number: call it first",
  ],
  [
    "a tensor for a module",
    () => t.nn.stateDict(x as never),
    AttributeError,
    "nn.stateDict: the argument is tensor f32[3, 4], expected variables or modules",
  ],
  [
    "several results for one",
    () => t.relu(t.maxWithIndex(x, 0) as never),
    AttributeError,
    "relu: operand 0 is an object, expected a tensor, such as its .values",
  ],
  [
    "a promise",
    () => t.relu(Promise.resolve(x) as never),
    AttributeError,
    "relu: operand 0 is a Promise, expected a tensor: await it first",
  ],
  [
    "numbers for a tensor",
    () => t.relu([1, 2] as never),
    AttributeError,
    "relu: operand 0 is [1, 2], expected a tensor: make one with constant(…)",
  ],
  [
    "labels of floats beside logits",
    () => t.losses.crossEntropy(x, input("y", [3])),
    DTypeError,
    'crossEntropy: labels are f32, expected i32: input(name, [3], "i32")',
  ],
  [
    "options by position",
    () => t.optim.adam(0.01 as never),
    AttributeError,
    "optim.adam: the argument is 0.01, expected { weightDecay, schedule, lr, betas, eps, amsgrad }",
  ],
  [
    "an unknown option",
    () => t.optim.adam({ learningRate: 0.1 } as never),
    AttributeError,
    'optim.adam: there is no option "learningRate" (did you mean "lr"?), only "weightDecay", "schedule", "lr"',
  ],
  [
    "an option of the call where a block is made",
    () => t.nn.transformerEncoderLayer(8, 2, { causal: true } as never),
    AttributeError,
    '"normFirst", "eps": it goes into the call, as layer(x, mode, { causal: true })',
  ],
  [
    "a mask where attention is made",
    () => t.nn.multiheadAttention(8, 2, { mask: x } as never),
    AttributeError,
    'there is no option "mask", only "bias": it goes into the call, as layer(x, mode, { mask })',
  ],
  [
    "an option in another spelling",
    () => t.optim.adam({ weight_decay: 0.1 } as never),
    AttributeError,
    '(did you mean "weightDecay"?)',
  ],
  ["an unknown mode", () => model(x, { train: true } as never), AttributeError, '(did you mean "training"?)'],
  [
    "SGD without a rate",
    () => t.optim.sgd(undefined as never),
    AttributeError,
    "optim.sgd: lr is missing, expected a number from 0",
  ],
  [
    "a word that is not one of the choices",
    () => t.optim.oneCycleLR({ totalSteps: 10, annealStrategy: "sine" as never }),
    AttributeError,
    'optim.oneCycleLR: annealStrategy is "sine", expected "cos" or "linear"',
  ],
  ["an unknown dtype", () => input("u", [1], "u8" as never), DTypeError, 'input: dtype is "u8", expected "f32"'],
  [
    "an input without a name",
    () => input([3, 4] as never, [3]),
    AttributeError,
    "input: name is [3, 4], expected a string",
  ],
  ["a shape that is not a list", () => input("n", 3 as never), AttributeError, "input: shape is 3, expected an array"],
  ["positions along no axis", () => t.iota([2, 3], 2), ShapeError, "iota: axis 2 does not exist in a tensor of 2 axes"],
  [
    "half a position",
    () => t.slice(x, [[0.5, 1]]),
    AttributeError,
    "slice: a position of axis 0 is 0.5, expected a whole number",
  ],
  ["pieces of nothing", () => t.split(x, 0, 0), AttributeError, "split: size is 0, expected a whole number from 1"],
  [
    "a number too large for i32",
    () => t.add(i, 3e9),
    AttributeError,
    "add: operand 1 is 3000000000, expected a whole number that i32 holds",
  ],
  [
    "a full of it",
    () => t.full([1], 3e9, "i32"),
    AttributeError,
    "full: value is 3000000000, expected a whole number that i32 holds",
  ],
  [
    "the gradient of whole numbers",
    () => t.grad(t.sum(i), [x]),
    DTypeError,
    "grad: the loss is i32, expected f32 or f16",
  ],
  [
    "keepdim as an option",
    () => t.sum(x, 0, { keepdim: true } as never),
    AttributeError,
    "sum: keepdim is an object, expected a boolean",
  ],
  [
    "a module for parameters",
    () => t.optim.adam().minimize(t.mean(model(x)), model as never),
    AttributeError,
    "optim.adam: the argument is a module",
  ],
  [
    "a bound without numbers",
    () => t.data.randomStream(1).below(Number.POSITIVE_INFINITY),
    AttributeError,
    "bound is Infinity",
  ],
  ["an axis of size 0", () => input("empty", [0, 3]), ShapeError, "input: axis 0 of [0, 3] is 0"],
];

describe("ops refuse", () => {
  test.each(rows)("%s", (_, build, kind, message) => {
    expect(build as () => Tensor).toThrow(kind);
    expect(build as () => Tensor).toThrow(message);
  });
});
