import { writeFile } from "node:fs/promises";
import { Engine } from "../../../src/index.ts";
import { createGPU } from "../../../src/node/index.ts";
import { png } from "../../../src/plot/png.ts";
import { exported } from "../../digits/exporting.ts";
import { imageAt, inputOf, unpack } from "../../digits/images.ts";
import { examined, Learner } from "../../digits/learner.ts";
import { packed } from "../../digits/packing.ts";
import { packs, side } from "../../digits/packs.ts";
import { batchSize, settingFields } from "../../digits/settings.ts";
import { digits as shown } from "./shown.ts";

/*
 * Trains the network of the page of digits for six epochs, and writes it as the sample of this page, with some test
 * images: npx tsx demos/onnx/sample/make.ts
 */

const epochs = 6;
const engine = await Engine.create({ gpu: await createGPU() });
const { train, test } = unpack(packs.first, new Uint8Array(await packed(packs.first)));
const learner = await Learner.create(engine, "cnn", {
  model: "cnn",
  images: train.count,
  dropout: settingFields.dropout.initial,
  rate: settingFields.rate.initial,
  seed: 1,
});
for (let from = 0; from < epochs * train.count; from += batchSize) {
  const batch = Array.from({ length: batchSize }, (_, i) => (from + i) % train.count);
  await learner.train(
    inputOf(train, batch),
    Int32Array.from(batch, (index) => train.labels[index]!),
  );
}
let right = 0;
for (let from = 0; from < test.count; from += examined) {
  const { guesses } = await learner.examine(test, from);
  right += guesses.filter((guess, i) => guess === test.labels[from + i]).length;
}
const bytes = await exported(engine, learner.network);
await writeFile(new URL("digits.onnx", import.meta.url), bytes);
for (const digit of shown) {
  const image = imageAt(test, test.labels.indexOf(digit));
  await writeFile(new URL(`${digit}.png`, import.meta.url), png(image, side, side, 1));
}
console.log(`${bytes.length} bytes, reads ${right} of ${test.count} test images`);
engine.destroy();
process.exit(); // Dawn's threads would keep the process alive.
