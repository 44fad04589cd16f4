import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { grad } from "../../src/compile/grad.ts";
import { showShape, sizeOf } from "../../src/graph/shape.ts";
import { parseSafetensors, type SafetensorsTensor, serializeSafetensors } from "../../src/io/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { safetensorsText } from "../../src/torch/files.ts";
import { torchFunction } from "../../src/torch/index.ts";
import { cases } from "../cases.ts";
import { inputsOf, weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { firstMiss } from "../golden/cases.ts";
import { all, folderOf, hasTorch, runPython } from "./python.ts";

/** What the text of a case is refused for, by the name of the case. Layers of these kinds have rows. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/^(lstm|gru|rnn)/, "Sequence"],
  [/^batchNorm(?! in evaluation)/, "op batchNorm"],
  [/^foreach/, "op foreach"],
  [/^pad between/, "op pad: zeros between elements"],
];
const refused = (name: string): string | undefined => refusals.find(([words]) => words.test(name))?.[1];

const program = `import importlib
import json
import safetensors_file, torch

tensors = safetensors_file.load("inputs.safetensors")
results = {}
for name, inputs, floats in json.load(open("cases.json")):
    given = {i: tensors[f"{name}.{i}"] for i in inputs}
    given = {i: x.requires_grad_() if x.is_floating_point() else x.long() for i, x in given.items()}
    try:
        found = importlib.import_module(name).compute(*given.values())
        weighed = found.get("weighed")
        values = [found["y"].detach()]
        if weighed is not None:
            wanted = [given[i] for i in floats]
            is_flat = not weighed.requires_grad  # sign, floor and others
            values += [None] * len(floats) if is_flat else torch.autograd.grad(weighed, wanted, allow_unused=True)
            values = [torch.zeros_like(given[floats[k - 1]]) if v is None else v for k, v in enumerate(values)]
    except Exception as error:
        if "ZeroDivisionError" in str(error):
            results[f"{name}.refused"] = torch.zeros(())  # integers modulo 0
            continue
        print(name, open(name + ".py").read(), error)
        continue
    for k, value in enumerate(values):
        results[f"{name}.{k}"] = value.double().contiguous()
safetensors_file.save("results.safetensors", results)
`;

/** A case: its module of Python, the values of its inputs, and what the twin says of result and gradients. */
interface Written {
  readonly name: string;
  readonly what: string;
  readonly text: string;
  readonly tensors: readonly SafetensorsTensor[];
  readonly floats: readonly number[];
  readonly wanted: readonly { readonly data: Float64Array }[];
}

test("every op has a row, or is refused by name", () => {
  const faults = cases.flatMap(({ name, op, shapes, draws }) => {
    const { inputs } = inputsOf(fill(draws ?? [reals(-2, 2)], shapes[0]!.map(sizeOf)), shapes[0]!);
    try {
      torchFunction({ y: op(...inputs) });
      return refused(name) ? [`${name} is written, but should be refused`] : [];
    } catch (error) {
      const { message } = error as Error;
      return refused(name) && message.includes(refused(name)!) ? [] : [`${name}: ${message}`];
    }
  });
  expect(faults).toEqual([]);
});

test.skipIf(!hasTorch || !all)("PyTorch's results and gradients of all ops agree with the float64 twin", async () => {
  const written: Written[] = [];
  for (const row of cases) {
    if (refused(row.name)) continue;
    for (const shapes of row.shapes) {
      const data = fill(row.draws ?? [reals(-2, 2)], shapes.map(sizeOf));
      const { inputs, feeds } = inputsOf(data, shapes);
      const y = row.op(...inputs);
      // Longer constants are refused: weights of `weigh` among them.
      if (y.size > 4000) continue;
      const floats = inputs.flatMap((x, i) => (x.dtype === "f32" ? [i] : []));
      const isWeighed = y.dtype === "f32" && !row.noGradient && floats.length > 0;
      const outputs = { y, ...(isWeighed && { weighed: weigh(y) }) };
      const gradients = isWeighed
        ? grad(
            weigh(y),
            floats.map((i) => inputs[i]!),
          )
        : [];
      written.push({
        name: `case${written.length}`,
        what: `${row.name} ${shapes.map(showShape).join(" ")}`,
        text: torchFunction(outputs),
        tensors: data.map(
          (values, i) =>
            ({
              dtype: values instanceof Float32Array ? "F32" : "I32",
              shape: shapes[i]!,
              data: values,
            }) as SafetensorsTensor,
        ),
        floats,
        wanted: evaluate([y, ...gradients], { inputs: feeds }),
      });
    }
  }
  const used = (text: string) =>
    [.../^def compute\((.*)\):/m.exec(text)![1]!.matchAll(/x(\d+)/g)].map(([, i]) => Number(i));
  const folder = folderOf({
    ...Object.fromEntries(written.map(({ name, text }) => [`${name}.py`, text])),
    "program.py": program,
    "safetensors_file.py": safetensorsText,
    "cases.json": JSON.stringify(
      written.map(({ name, text, floats }) => [name, used(text), floats.filter((i) => used(text).includes(i))]),
    ),
    "inputs.safetensors": serializeSafetensors(
      written.flatMap(({ name, tensors }) => tensors.map((tensor, i) => [`${name}.${i}`, tensor] as const)),
    ),
  });
  const said = await runPython(folder, ["program.py"]);
  const { tensors } = parseSafetensors(readFileSync(join(folder, "results.safetensors")));
  expect(said).toBe("");
  const faults = written.flatMap(({ name, what, wanted, floats, text }) => {
    if (tensors.has(`${name}.refused`)) return [];
    const order = [-1, ...floats.filter((i) => used(text).includes(i))];
    return order.flatMap((i, k) => {
      const got = tensors.get(`${name}.${k}`)?.data as Float64Array | undefined;
      const want = wanted[i < 0 ? 0 : 1 + floats.indexOf(i)];
      if (!got || !want) return i < 0 ? [`${what}: no result`] : [];
      const miss = firstMiss(got, want.data, 1e-4, 1e-4);
      return miss ? [`${what} ${i < 0 ? "y" : `gradient ${i}`}${miss}`] : [];
    });
  });
  expect(faults).toEqual([]);
  expect(written.length).toBeGreaterThan(200);
});
