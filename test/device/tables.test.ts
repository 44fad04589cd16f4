import { afterAll, beforeAll, expect, test } from "vitest";
import { parseCsv, readCsv, tableEncoder } from "../../src/data/csv/index.ts";
import { randomSplit } from "../../src/data/index.ts";
import { parseNpz, serializeNpz } from "../../src/data/npy/index.ts";
import { stream } from "../../src/data/stream/index.ts";
import { charTokenizer, padSequences, wordTokenizer } from "../../src/data/text/index.ts";
import { cast, Engine, input, losses, mean, mul, nn, optim, reshape, sum, unsqueeze } from "../../src/index.ts";
import { accuracy, Trainer } from "../../src/train/index.ts";

/* Data from files to the GPU, in Node and in a page alike. */

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

/** Whether x + y > 1, from a table with gaps: 400 rows. */
const csv = ["x,y,kind,label"].concat(
  Array.from({ length: 400 }, (_, i) => {
    const [x, y] = [(i * 37) % 101, (i * 53) % 97];
    return `${i % 50 === 7 ? "" : x / 100},"${y / 100}",${i % 2 ? "odd" : "even"},${x + y > 100 ? "yes" : "no"}`;
  }),
);

test("a CSV file becomes a trained model", async () => {
  const file = new File([csv.join("\r\n")], "points.csv");
  const table = await readCsv(file, { name: file.name });
  expect(table.types).toEqual({ x: "f32", y: "f32", kind: ["even", "odd"], label: ["no", "yes"] });
  const rows = randomSplit(
    table.rows,
    { train: 0.8, test: 0.2 },
    { seed: 1, stratify: table.categories("label").data },
  );
  const [seen, unseen] = [table.take(rows.train), table.take(rows.test)];
  const spec = { x: ["x", "y", "kind"], y: "label" };
  const encoder = tableEncoder(seen, spec, { missing: "mean", normalize: "standard" });

  nn.seed(1);
  const model = nn.sequential(nn.linear(4, 16), nn.relu(), nn.linear(16, 2));
  const optimizer = optim.adam({ lr: 0.02 });
  const trainer = new Trainer({ engine, model, loss: losses.crossEntropy, optimizer, metrics: { accuracy } });
  await trainer.fit(encoder.apply(seen), { epochs: 15, batchSize: 32 });
  expect((await trainer.evaluate(encoder.apply(unseen))).accuracy).toBeGreaterThan(0.9);
});

test("samples made on demand train like arrays", async () => {
  const model = nn.linear(1, 1);
  const trainer = new Trainer({ engine, model, loss: losses.mse, optimizer: optim.sgd({ lr: 0.5 }) });
  const samples = (epoch: number) =>
    stream(Float32Array.from({ length: 256 }, (_, i) => i / 256))
      .shuffle({ buffer: 256, seed: epoch })
      .map(async (x) => ({
        x: { data: Float32Array.of(x), shape: [1, 1] },
        y: { data: Float32Array.of(2 * x + 1), shape: [1, 1] },
      }))
      .prefetch(8);
  await trainer.fit(samples, { epochs: 20, batchSize: 32 });
  const { data } = await trainer.predict({ data: Float32Array.of(0, 1), shape: [2, 1] });
  expect(data[0]).toBeCloseTo(1, 1);
  expect(data[1]).toBeCloseTo(3, 1);
});

test("NumPy's arrays reach the GPU", async () => {
  const x = { data: Float64Array.of(1, 2, 3, 4), shape: [4] };
  const found = parseNpz(serializeNpz({ x }, { compress: true })).get("x")!;
  const program = await engine.compile({ outputs: { y: sum(input("x", [4])) } });
  const { y } = await program.compute({ x: found.data as Float32Array });
  program.destroy();
  expect(y[0]).toBe(10);
});

test("padding has no effect behind the mask of attention, and none on a loss that ignores it", async () => {
  const tokenizer = wordTokenizer(["a b c d", "a b"]);
  const sequences = ["a b c d", "a b"].map((text) => tokenizer.encode(text));
  const labels = padSequences(sequences, { value: -100 });
  nn.seed(2);
  const embed = nn.embedding(tokenizer.size, 8);
  const attention = nn.multiheadAttention(8, 2);
  const ids = input("ids", [2, 4], "i32");
  const mask = input("mask", [2, 4], "i32");
  const attended = attention(embed(ids), {}, { mask: unsqueeze(mask, 1) });
  const logits = nn.linear(8, tokenizer.size)(attended);
  const flat = reshape(logits, [8, tokenizer.size]);
  const loss = losses.crossEntropy(flat, reshape(input("labels", [8], "i32"), [8]), { ignoreIndex: -100 });
  const program = await engine.compile({
    outputs: { loss, real: mean(mul(unsqueeze(cast(mask, "f32"), 2), attended)) },
  });
  const results = [0, tokenizer.id("d")].map(async (padding) => {
    const padded = padSequences(sequences, { value: padding });
    return program.compute({ ids: padded.ids.data, mask: padded.mask.data, labels: labels.ids.data });
  });
  const [first, second] = await Promise.all(results);
  program.destroy();
  expect(first).toEqual(second);
  expect(Number.isFinite(first!.loss[0])).toBe(true);
});

test("texts and tables are read alike in every place", () => {
  expect(charTokenizer("e\u0301👨‍👩‍👧", { unit: "grapheme" }).size).toBe(2);
  expect(parseCsv("a;b\r\n1,5;x\r\n", { decimal: "," }).types).toEqual({ a: "f32", b: ["x"] });
});
