import { FormatError } from "../../errors.ts";
import { cast, eq, iota, sub } from "../../ops/index.ts";
import { elementType } from "../elements.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import { most } from "../value.ts";

function constantOf(node: OpNode): Built {
  const value = node.constant("value");
  if (value) return value;
  for (const [name, type] of [["value_int", "int64"] as const, ["value_float", "float32"] as const]) {
    if (node.has(name)) return node.host(type, [], [type === "int64" ? node.int(name, 0) : node.float(name, 0)]);
  }
  for (const [name, type] of [["value_ints", "int64"] as const, ["value_floats", "float32"] as const]) {
    if (!node.has(name)) continue;
    const list = (type === "int64" ? node.ints(name) : node.floats(name))!;
    return node.host(type, [list.length], list);
  }
  throw new FormatError("has no numbers: only dense tensors and numbers are supported");
}

function range(node: OpNode): Built {
  const [start, limit, delta] = [node.known(0)[0]!, node.known(1)[0]!, node.known(2)[0]!];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  // A step of 0, or a range that no memory holds.
  if (!(count <= most)) throw new FormatError(`a range from ${start} to ${limit} in steps of ${delta} is too long`);
  const numbers = Array.from({ length: count }, (_, i) => start + i * delta);
  return node.host(node.value(0).type, [count], numbers);
}

function eyeLike(node: OpNode): Built {
  const like = node.value(0);
  const type = node.has("dtype") ? elementType("attribute dtype", node.int("dtype", 1)) : like.type;
  const isOn = eq(sub(iota(like.shape, 1), iota(like.shape, 0)), node.int("k", 0));
  return node.typed(type, cast(isOn, node.dtype(type)));
}

export const sources: readonly OpRow[] = [
  {
    op: "Constant",
    since: [1, 9, 11, 12, 13, 19, 21, 23, 24, 25],
    limits: "no strings, no sparse tensors",
    build: constantOf,
  },
  {
    op: "ConstantOfShape",
    since: [9, 20, 21, 23, 24, 25],
    limits: "the shape must be known",
    build(node) {
      const value = node.constant("value");
      return node.filled(value?.type ?? "float32", node.known(0), value?.host?.[0] ?? 0);
    },
  },
  { op: "Range", since: [11, 27], limits: "the ends must be known", build: range },
  { op: "EyeLike", since: [9, 22], build: eyeLike },
];
