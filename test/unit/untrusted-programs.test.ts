import { describe, expect, test } from "vitest";
import { faultIn } from "../../src/exported/check.ts";
import type { ExportedProgram } from "../../src/exported/format.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import { exportPrograms, grad } from "../../src/index.ts";
import { gpu, software } from "../adapters.ts";
import { cases } from "../cases.ts";
import { inputsOf, weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { trainingFile } from "../exported.ts";
import { mutant, sequence } from "../mutants.ts";

/* The checks of a file of exported programs before it is used. They need no GPU. */

test("exported files pass: every op with its gradients", () => {
  cases.forEach((row, i) => {
    const [shapes] = row.shapes;
    const { inputs } = inputsOf(fill(row.draws ?? [reals(-2, 2)], shapes!.map(sizeOf)), shapes!);
    const y = row.op(...inputs);
    const floats = inputs.filter((x) => x.dtype === "f32");
    const gradients = y.dtype === "f32" && !row.noGradient ? grad(weigh(y), floats) : [];
    const outputs = { y, ...Object.fromEntries(gradients.map((dx, i) => [`gradient ${i}`, dx])) };
    const file = exportPrograms({ row: { outputs } }, { targets: [i % 2 ? gpu : software] });
    // A file as one script passes it to another, and as read from a disk.
    for (const given of [file, JSON.parse(JSON.stringify(file))]) expect(faultIn(given), row.name).toBeUndefined();
  });
}, 60_000);

const sound = trainingFile();

test("exported files pass: a training and a prediction", () => {
  expect(faultIn(sound)).toBeUndefined();
});

/** The file with one part changed. */
// biome-ignore lint/suspicious/noExplicitAny: the parts are changed to what no type allows
function changed(change: (file: any) => void): unknown {
  const file = structuredClone(sound);
  change(file);
  return file;
}

/** The last target's training: its calls and buffers have the same numbers on every adapter. */
// biome-ignore lint/suspicious/noExplicitAny: as above
const step = (file: any): any => file.targets[0].programs.train;
const [scratch, pinned, constant] = (["scratch", "pinned", "constant"] as const).map((wanted) =>
  (step(sound) as ExportedProgram).buffers.findIndex(({ kind, pinned }) =>
    wanted === "pinned" ? pinned : kind === wanted && !pinned,
  ),
);
const at = "targets[0].programs.train";
const arenas = sound.arenas.length;
const inputOf = (name: string) => step(sound).inputs[name]!.buffer - arenas;
const written = (step(sound) as ExportedProgram).calls[0]!.bindings.findIndex(([, , , written]) => written);

describe("is refused, with the path of the fault:", () => {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  test.each<[string, (file: any) => void, string]>([
    [
      "another format",
      (f) => (f.format = "tilegrad programs 0"),
      'format is "tilegrad programs 0", expected "tilegrad programs 1": export it again',
    ],
    ["a missing part", (f) => delete f.kernels, "kernels is undefined, expected a list"],
    ["an unknown part", (f) => (f.more = 1), "more is not a field of this format"],
    ["an inherited name", (f) => Object.assign(f, JSON.parse('{"constructor":1}')), "constructor is not a field"],
    ["a size in words", (f) => (f.arenas[0].bytes = "16"), 'arenas[0].bytes is "16", expected a whole number from 4'],
    [
      "a claim beyond the variables",
      (f) => (f.arenas[0].bytes = 2 ** 31),
      "arenas[0].bytes is 2147483648, but its variables end at",
    ],
    [
      "a variable too large for its arena",
      (f) => (f.variables[0].shape = [2 ** 20, 2 ** 20]),
      "variables[1].home begins at 512, expected 4398046511104, right after the variable before it",
    ],
    [
      "sizes beyond all memory",
      (f) => (f.variables[1].shape = [2 ** 40, 2 ** 40]),
      "variables[1].shape is [1099511627776, 1099511627776], too large",
    ],
    [
      "a negative size",
      (f) => (f.variables[0].shape[0] = -1),
      "variables[0].shape[0] is -1, expected a whole number from 1",
    ],
    [
      "an unknown dtype",
      (f) => (f.variables[0].dtype = "f64"),
      'variables[0].dtype is "f64", expected one of f32, f16, i32, u32',
    ],
    [
      "two variables in one place",
      (f) => (f.variables[1].home[1] = 0),
      "variables[1].home begins at 0, expected 512, right after",
    ],
    ["an odd place", (f) => (f.variables[1].home[1] += 4), "variables[1].home[1] is"],
    [
      "an arena that does not exist",
      (f) => (f.variables[1].home[0] = 99),
      "variables[1].home[0] is 99, expected a number below",
    ],
    [
      "short first bytes",
      (f) => (f.variables[0].initial.bytes = "AAAA"),
      "variables[0].initial.bytes holds 3 bytes, expected",
    ],
    [
      "first bytes that are not base64",
      (f) => (f.variables[0].initial.bytes = "$$$$"),
      'variables[0].initial.bytes is "$$$$", expected base64',
    ],
    [
      "no first value",
      (f) => (f.variables[1].initial = {}),
      "variables[1].initial must hold exactly one of fill, drawing and bytes",
    ],
    ["two first values", (f) => (f.variables[1].initial.fill = 1), "variables[1].initial must hold exactly one of"],
    [
      "another distribution",
      (f) => (f.variables[1].initial.drawing.distribution = "cauchy"),
      'variables[1].initial.drawing.distribution is "cauchy", expected one of uniform, normal',
    ],
    [
      "a seed that is not an integer",
      (f) => (f.variables[1].initial.drawing.seed = 0.5),
      "variables[1].initial.drawing.seed is 0.5",
    ],
    [
      "a first value that overflows",
      (f) => (f.variables[4].initial.fill = 1e300),
      "variables[4].initial.fill is 1e+300, which f32 cannot hold",
    ],
    ["a name of nothing", (f) => (f.names["0.bias"] = 99), 'names["0.bias"] is 99, expected a number below'],
    ["no targets", (f) => (f.targets = []), "targets are empty, expected at least one"],
    [
      "targets of different programs",
      (f) => delete f.targets[1].programs.predict,
      "targets[1].programs differ from those of targets[0]",
    ],
    [
      "targets of different outputs",
      (f) => (f.targets[1].programs.train.outputs.loss.dtype = "i32"),
      "targets[1].programs differ",
    ],
    ["needs in words", (f) => (f.targets[0].needs.cpu = 1), "targets[0].needs.cpu is 1, expected a boolean"],
    [
      "a kernel that does not exist",
      (f) => (step(f).calls[0].kernel = 999),
      `${at}.calls[0].kernel is 999, expected a number below`,
    ],
    ["an empty kernel", (f) => (f.kernels[2] = " "), "kernels[2] is empty, expected a shader"],
    ["a kernel twice", (f) => (f.kernels[2] = f.kernels[0]), "kernels[2] is the same text as kernels[0]"],
    ["a kernel of no call", (f) => f.kernels.push("fn idle() {}"), "is a kernel that no call runs"],
    [
      "a kernel that its calls bind differently",
      (f) => {
        // A second call of the same kernel, which writes what the first reads.
        const { calls, outputs } = step(f);
        const { buffer } = outputs["loss"];
        const own = calls.find((call: { bindings: number[][] }) => call.bindings.some(([b]) => b === buffer));
        calls.push({
          ...own,
          bindings: own.bindings.map(([b, offset, size]: number[]) => [b, offset, size, Number(b === buffer)]),
        });
        calls.at(-1).bindings.pop();
      },
      "runs the same kernel, but",
    ],
    [
      "a call that reads what is not there yet",
      (f) => step(f).calls.unshift(...step(f).calls.splice(1, 1)),
      `${at}.calls[0].bindings[0] reads a buffer that nothing has written`,
    ],
    [
      "no workgroups",
      (f) => (step(f).calls[0].workgroups[1] = 0),
      `${at}.calls[0].workgroups[1] is 0, expected a whole number from 1`,
    ],
    [
      "workgroups that keep a GPU busy for hours",
      (f) => (step(f).calls[0].workgroups = [65535, 65535, 65535]),
      `${at}.calls[0].workgroups are more than the bytes they write`,
    ],
    [
      "more workgroups than needed",
      (f) => (step(f).calls[0].workgroups[0] = 65536),
      `${at}.calls[0].workgroups exceed the target's needs`,
    ],
    [
      "a binding that ends after its buffer",
      (f) => (step(f).calls[0].bindings[0][2] += 4096),
      `${at}.calls[0].bindings[0] is [`,
    ],
    ["a binding that begins anywhere", (f) => (step(f).calls[0].bindings[0][1] = 4), `${at}.calls[0].bindings[0] is [`],
    ["a binding of nothing", (f) => (step(f).calls[0].bindings[0][2] = 0), `${at}.calls[0].bindings[0] is [`],
    [
      "a binding without a buffer",
      (f) => (step(f).calls[0].bindings[0][0] = 999),
      `${at}.calls[0].bindings[0][0] is 999, expected a number below`,
    ],
    ["a short binding", (f) => step(f).calls[0].bindings[0].pop(), `${at}.calls[0].bindings[0] is [`],
    [
      "a call that writes an input",
      (f) => (step(f).calls[0].bindings[written][0] = step(f).inputs["x"]!.buffer),
      `${at}.calls[0].bindings[${written}]`,
    ],
    [
      "a call that writes what it reads",
      (f) => step(f).calls[0].bindings.push([...step(f).calls[0]!.bindings[written]!.slice(0, 3), 0]),
      `${at}.calls[0].bindings`,
    ],
    [
      "a variable that the program does not have",
      (f) => (step(f).variables = []),
      "binds a buffer that the program does not have",
    ],
    ["a variable without a home", (f) => delete f.variables.at(-1).home, "but its variables end at"],
    [
      "an input of another size",
      (f) => (step(f).inputs["x"].shape[0] = 9),
      `${at}.inputs.x takes 224 bytes, but its buffer has 192`,
    ],
    [
      "two inputs in one buffer",
      (f) => (step(f).inputs["y"].buffer = step(f).inputs["x"]!.buffer),
      `${at}.inputs.y.buffer is ${inputOf("x") + arenas}, expected an input's own buffer`,
    ],
    [
      "an output beyond its buffer",
      (f) => (step(f).outputs["loss"].base = 2 ** 20),
      `${at}.outputs.loss ends after the 16 bytes of its buffer`,
    ],
    ["an output that shares its memory", (f) => delete step(f).buffers[pinned!].pinned, "which is not pinned"],
    [
      "a claim beyond what kernels use",
      (f) => (step(f).buffers[scratch!].bytes = 2 ** 31),
      `${at}.buffers[${scratch}].bytes is 2147483648, but only`,
    ],
    [
      "a buffer that nobody uses",
      (f) => step(f).buffers.push({ kind: "scratch", role: "more", bytes: 16 }),
      "bytes is 16, but only 0 are used",
    ],
    [
      "a constant without its numbers",
      (f) => delete step(f).buffers[constant!].data,
      `${at}.buffers[${constant}] is a constant without data`,
    ],
    [
      "half a constant",
      (f) => (step(f).buffers[constant!].data = "AAAA"),
      `${at}.buffers[${constant}].data holds 3 bytes`,
    ],
    [
      "bounds of no input",
      (f) => (step(f).bounds.z = step(f).bounds["y"]),
      `${at}.bounds.z bounds something that is not an integer input`,
    ],
    [
      "bounds in words",
      (f) => (step(f).bounds["y"].high = "2"),
      `${at}.bounds.y.high is "2", expected a finite number`,
    ],
  ])("%s", (_, change, message) => {
    const file = changed(change);
    expect(faultIn(file)).toContain(message);
  });

  test.each<[string, unknown, string]>([
    ["nothing", undefined, "the file is undefined, expected an object"],
    ["null", null, "the file is null, expected an object"],
    ["a list", [], "the file is [], expected an object"],
    ["another object", {}, 'format is undefined, expected "tilegrad programs 1": export it again'],
    ["a program of a long name", { format: "x".repeat(1e6) }, "x…"],
  ])("%s", (_, file, message) => {
    expect(faultIn(file)).toContain(message);
    expect(faultIn(file)!.length).toBeLessThan(400);
  });
});

/**
 * Changes that may pass: descriptions, first values, kernel texts, other parts of the same buffers. The result is a
 * different valid program.
 */
const harmless =
  /label|\.name|pinned|family|variant|role|group|flops|bytes: \d|initial|names|kernel|needs|invocations|op:|bounds|bindings|workgroups|dtype|shape|calls|targets\.\d+: (dropped|doubled)|buffer: |variables\.\d+: |exchanged/;

test("thousands of damaged copies pass, or are refused with a short message", () => {
  const sound = trainingFile({ targets: [gpu, software] });
  const draw = sequence(11);
  let refused = 0;
  for (let i = 0; i < 2500; i++) {
    const { value, at } = mutant(sound, draw);
    const fault = faultIn(value);
    if (fault === undefined) {
      if (!harmless.test(at) && JSON.stringify(value) !== JSON.stringify(sound)) throw new Error(`${at} passed`);
      continue;
    }
    if (fault.length > 400) throw new Error(`${at}: ${fault}`);
    refused++;
  }
  expect(refused).toBeGreaterThan(1000);
}, 60_000);
