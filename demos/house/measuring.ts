import type { Picture } from "./picture.ts";
import type { InsideRun, KernelsRun, SpeedRun } from "./runs.ts";

/*
 * Replays of measurements. Time runs from 0 to 1.
 */

const colors = ["--accent", "--warm", "--soft", "--plus", "--minus"];

/** The kind of a dispatch: the first word of its label. */
const kindOf = (label: string): string => /^[a-zA-Z0-9]+/.exec(label)?.[0] ?? "";

/** The dispatches of a step along the time they take, one under the other. */
export function drawInside(picture: Picture, { dispatches }: InsideRun, time: number): void {
  const { width, height } = picture;
  const total = dispatches.reduce((sum, { ms }) => sum + ms, 0);
  const kinds = [...new Set(dispatches.map(({ label }) => kindOf(label)))];
  const row = (height - 56) / dispatches.length;
  const now = time * total;
  let start = 0;
  dispatches.forEach(({ label, ms }, i) => {
    const [x, end] = [18 + ((width - 36) * start) / total, Math.min(ms, now - start)];
    const color = colors[kinds.indexOf(kindOf(label)) % colors.length]!;
    if (end > 0) picture.box(x, 16 + i * row, Math.max(2, ((width - 36) * end) / total), Math.max(2, row - 2), color);
    start += ms;
  });
  const reached = dispatches.findIndex(
    (_, i) => dispatches.slice(0, i + 1).reduce((sum, { ms }) => sum + ms, 0) >= now,
  );
  const { label } = dispatches[reached < 0 ? dispatches.length - 1 : reached]!;
  picture.words(label.split(":")[0]!.slice(0, 34), 18, height - 16, { color: "--ink" });
  picture.words(`${now.toFixed(1)} ms`, width - 18, height - 16, { align: "right" });
}

/** Each variant as a bar under the roof. */
export function drawKernels(picture: Picture, { rungs, roof }: KernelsRun, time: number): void {
  const { width, height } = picture;
  const row = Math.min(22, (height - 58) / rungs.length);
  const best = Math.max(...rungs.map(({ gflops }) => gflops));
  const wide = width - 36 - 74;
  rungs.forEach(({ variant, gflops }, i) => {
    const grown = Math.min(1, Math.max(0, time * (rungs.length + 1) - i));
    const y = 14 + i * row;
    picture.words(variant, 18, y + row - 6, { color: gflops === best && grown === 1 ? "--ink" : "--soft" });
    picture.box(92, y + 2, (wide * gflops * grown) / roof, row - 5, gflops === best ? "--accent" : "--soft");
  });
  picture.box(92 + wide, 14, 1.5, rungs.length * row, "--warm");
  picture.words("512 × 512 matrix product", 18, height - 16);
  picture.words(`roof ${roof} GFLOP/s`, width - 18, height - 16, { color: "--warm", align: "right" });
}

/** The adapter's rate as a number that is counted up, and the steps as bars. */
export function drawSpeed(picture: Picture, { gflops, steps }: SpeedRun, time: number): void {
  const { width, height } = picture;
  const counted = Math.min(1, 2.5 * time);
  picture.words((gflops * counted).toFixed(1), 18, 54, { color: "--ink", size: 40 });
  picture.words("GFLOP/s at most", 18, 74);
  const longest = Math.max(...steps.map(({ ms }) => ms));
  const row = (height - 100) / steps.length;
  steps.forEach(({ name, ms }, i) => {
    const grown = Math.min(1, Math.max(0, time * (steps.length + 2) - 1.5 - i));
    const y = 88 + i * row;
    const share = 1 + Math.log10(ms / longest) / 4;
    picture.words(name.split(/[ ,]/)[0]!, 18, y + row - 5);
    picture.box(108, y + 3, (width - 108 - 84) * Math.max(0.02, share) * grown, row - 7, "--accent");
    if (grown === 1) picture.words(`${ms} ms`, width - 18, y + row - 5, { color: "--ink", align: "right" });
  });
}
