import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { Engine } from "../../src/index.ts";
import { createGPU } from "../../src/node/index.ts";
import { leaveInterrupted, run } from "../terminal/command.ts";
import { adapterFacts, clock, count, fact, hasColours, paint } from "../terminal/format.ts";
import { Progress } from "../terminal/progress.ts";
import { csv, svg, textChart } from "./curves.ts";
import { features, readHouses } from "./houses.ts";
import { help, type Options, parseOptions } from "./options.ts";
import { divide, type Fit, Regression } from "./regression.ts";
import { errorTable, examples, featureTable, lines, page } from "./report.ts";

await run({ name: "npm run train:tabular", help, parse: parseOptions, main });

async function main({ settings, output, curves, report }: Options, stop: AbortSignal): Promise<void> {
  const began = performance.now();
  const { hidden, lr, weightDecay, batchSize, epochs, patience, seed } = settings;
  const layers = [features.length, ...hidden, 1].join("-");
  const details = `AdamW, lr ${lr}, weight decay ${weightDecay}, batches of ${batchSize}, seed ${seed}`;
  console.log(`${paint("bold", `${layers} on house prices`)}${paint("dim", `  ${details}\n`)}`);

  const parts = divide(await readHouses(), seed);
  const rows = (name: keyof typeof parts): number => parts[name].y.data.length;
  const engine = await Engine.create({ gpu: await createGPU() });
  const regression = new Regression(engine, parts.train, settings);
  adapterFacts(engine);
  fact("network", `${count(regression.parameters)} weights`);
  fact("rows", `${rows("train")} to learn from, ${rows("validation")} to validate on, ${rows("test")} to test on\n`);
  console.log(`${heading("Features")}, in the training rows, whose means and deviations normalise all rows\n`);
  const described = featureTable(parts.train);
  console.log(lines(described, 2));

  console.log();
  const fit = await train();
  if (stop.aborted) leaveInterrupted();
  if (!fit.best) return console.log("Stopped before the end of the first epoch; nothing was written.");
  console.log(`\n${heading("Learning curves")}, RMSE in $1000 by epoch\n`);
  console.log(textChart(fit.history, fit.best, process.stdout.columns || 80, hasColours));
  console.log(`\n${ending(fit, epochs, patience)} The weights of epoch ${fit.best.epoch}, the best, were kept.\n`);
  const errors = await errorTable(regression, parts);
  console.log(`${heading("Errors")} in $1000\n\n${lines(errors)}\n`);
  const some = await examples(regression, parts.test);
  console.log(`${heading("Some test rows")}, in $1000\n\n${lines(some, 0)}\n`);

  const weights = await regression.save();
  await writeFile(output, weights);
  console.log(`Weights written to ${relative(".", output)}.`);
  if (curves) {
    await writeFile(curves, /svg$/i.test(curves) ? svg(fit.history, fit.best) : csv(fit.history));
    console.log(`Learning curves written to ${relative(".", curves)}.`);
  }
  if (report) {
    await writeFile(report, page(fit, settings, `${layers} on house prices`, [errors, some, described]));
    console.log(`Report written to ${relative(".", report)}.`);
  }
  console.log(
    `Took ${clock((performance.now() - began) / 1000)}. The same seed on the same adapter gives the same bits:`,
  );
  fact("weights", `sha256 ${createHash("sha256").update(weights).digest("hex")}`);

  async function train(): Promise<Fit> {
    const progress = new Progress("Training", epochs);
    try {
      const watch = ({ epoch, train, validation }: Fit["history"][number]): void => {
        const facts = `RMSE ${train.toFixed(2)}, validation ${validation.toFixed(2)}`;
        if (progress.isDue(epoch)) progress.update(epoch, facts);
      };
      return await regression.fit(parts, settings, watch, stop);
    } finally {
      progress.stop();
    }
  }
}

function ending({ history, best }: Fit, epochs: number, patience: number): string {
  const last = history.length;
  if (last - (best?.epoch ?? 0) >= patience) {
    return `The validation error did not improve for ${patience} epochs: stopped after epoch ${last}.`;
  }
  return last < epochs ? `Stopped by Ctrl-C after epoch ${last}.` : `Trained for all ${epochs} epochs.`;
}

function heading(text: string): string {
  return paint("bold", text);
}
