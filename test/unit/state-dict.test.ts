import { readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { parseSafetensors, serializeSafetensors } from "../../src/io/index.ts";
import { parseStateDict } from "../../src/torch/index.ts";

const folder = join(import.meta.dirname, "../torch/files");
const file = (name: string): Uint8Array => readFileSync(join(folder, name));

test("reads what torch.save wrote of a state dict, by PyTorch's names", () => {
  const tensors = parseStateDict(file("model.pt"));
  expect([...tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape}]`)).toEqual([
    "0.weight F32 [2,3]",
    "0.bias F32 [2]",
    "1.weight F32 [2]",
    "1.bias F32 [2]",
    "1.running_mean F32 [2]",
    "1.running_var F32 [2]",
    "1.num_batches_tracked I64 []",
  ]);
  // As PyTorch prints them.
  const weight = tensors.get("0.weight")!.data as Float32Array;
  expect(weight[0]).toBeCloseTo(-0.004322517663240433, 9);
  expect(weight[5]).toBeCloseTo(0.15482072532176971, 9);
  expect(parseSafetensors(serializeSafetensors(tensors)).tensors.size).toBe(7);
});

test("reads nested containers, transposed tensors and other types, and leaves out the rest", () => {
  const tensors = parseStateDict(file("nested.pt"));
  expect([...tensors.keys()]).toEqual(["model.w", "model.half", "model.b", "list.0", "p"]);
  expect(tensors.get("model.w")).toEqual({ dtype: "F32", shape: [3, 2], data: new Float32Array([0, 3, 1, 4, 2, 5]) });
  expect(tensors.get("model.half")!.data).toEqual(new Uint16Array([0x3c00, 0x4000]));
  expect(tensors.get("model.b")!.data).toEqual(new Uint8Array([1, 0]));
  expect(tensors.get("list.0")).toEqual({ dtype: "I64", shape: [], data: new BigInt64Array([7n]) });
});

/** A file with a pickle of one's own, and a storage of two floats. */
const hostile = (pickle: string): Uint8Array =>
  zipSync({
    "a/data.pkl": Uint8Array.from(`\x80\x02${pickle}`, (c) => c.charCodeAt(0)),
    "a/data/0": new Uint8Array(8),
  });
const memo = (i: number): string => `h${String.fromCharCode(i)}`;
const text = (value: string): string => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
const storage = (type = "torch\nFloatStorage", key = "0"): string =>
  `(${text("storage")}c${type}\n${text(key)}${text("cpu")}K\x02tQ`;
const tensor = (shape: string, strides: string, from = storage()): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${from}K\0${shape}${strides}\x89}tR`;

describe("refuses, and runs nothing:", () => {
  test.each([
    ["calls of other functions", `cos\nsystem\n(${text("echo")}tR.`, 'calls "os system": only tensors and containers'],
    ["objects by other opcodes", `cos\nsystem\n)\x81.`, "opcode"],
    ["tensors larger than their storage", `${tensor("K\x03\x85", "K\x01\x85")}.`, "does not fit its 2 stored values"],
    ["tensors that repeat a value without end", `${tensor("J\xff\xff\xff\x7f\x85", "K\0\x85")}.`, "does not fit its 2"],
    ["strides beyond the storage", `${tensor("K\x02\x85", "K\x09\x85")}.`, "does not fit its 2 stored values"],
    ["negative sizes", `${tensor("J\xff\xff\xff\xff\x85", "K\x01\x85")}.`, "without storage, shape or strides"],
    ["strides of another rank", `${tensor("K\x01\x85", ")")}.`, "with strides"],
    ["other storages", `${tensor(")", ")", storage("torch\nQInt8Storage"))}.`, 'storage "torch QInt8Storage"'],
    ["storages that are not there", `${tensor(")", ")", storage(undefined, "../../etc"))}.`, "lacks the file"],
    ["dictionaries within themselves", `}q\0${text("a")}h\0s.`, "deeper"],
    [
      "doubling lists",
      `(]q\0${Array.from({ length: 30 }, (_, n) => `](${memo(n)}${memo(n)}eq${String.fromCharCode(n + 1)}`).join("")}t.`,
      "more values",
    ],
    ["memory that was not written", "h\x05.", "has not written"],
    ["values that were not put", "s.", "takes more than it has put"],
    ["marks that were not set", "t.", "no mark"],
    ["texts that are cut off", "X\xff\xff\xff\x7fab", "cut off"],
    ["pickles without an end", "}", "cut off"],
    ["long integers", `\x8a\xff${"\x01".repeat(255)}.`, "more than 64 bits"],
    ["two values", "}}.", "more than one value"],
  ])("%s", (_, pickle, message) => {
    expect(() => parseStateDict(hostile(pickle), { name: "evil.pt" })).toThrow(message);
    expect(() => parseStateDict(hostile(pickle), { name: "evil.pt" })).toThrow("evil.pt: ");
  });

  test("whole modules, other archives, and files that are larger than allowed", () => {
    expect(() => parseStateDict(file("module.pt"))).toThrow("save model.state_dict()");
    expect(() => parseStateDict(zipSync({ "a.npy": new Uint8Array(3) }))).toThrow("has no data.pkl");
    expect(() => parseStateDict(new Uint8Array(30))).toThrow("expected a zip archive");
    expect(() => parseStateDict(file("model.pt"), { maxBytes: 100 })).toThrow("maxBytes is 100");
  });

  test("files cut off or damaged anywhere", () => {
    const whole = file("nested.pt");
    for (let at = 0; at < whole.length; at += 7) {
      expect(() => parseStateDict(whole.subarray(0, at))).toThrow("state dict: ");
      const damaged = Uint8Array.from(whole);
      damaged[at]! ^= 0x55;
      try {
        parseStateDict(damaged);
      } catch (error) {
        expect((error as Error).name).toMatch(/FormatError|LimitError/);
      }
    }
  });
});
