import { articleOf } from "../digits/words.ts";
import type { Picture } from "./picture.ts";
import { type OnnxRun, unpack } from "./runs.ts";

/** Images go through the nodes of a model, one after the other. Time runs from 0 to 1. */
export function drawOnnx(picture: Picture, { ops, images }: OnnxRun, time: number): void {
  const { context, width, height } = picture;
  const at = Math.min(images.length - 1, Math.floor(time * images.length));
  const { image, votes } = images[at]!;
  const passed = Math.min(1, time * images.length - at);
  // The nodes are done in the middle, then the bars grow.
  const reached = Math.min(1, 1.8 * passed) * ops.length;
  const grown = Math.min(1, Math.max(0, 4 * passed - 2.2));

  const size = 84;
  const [left, top] = [18, (height - size) / 2 - 14];
  context.fillStyle = picture.color("--ink");
  const pixel = size / 28;
  for (let i = 0; i < 784; i++) {
    context.globalAlpha = unpack(image, i);
    context.fillRect(left + (i % 28) * pixel, top + Math.floor(i / 28) * pixel, pixel, pixel);
  }
  context.globalAlpha = 1;

  const nodes = left + size + 20;
  const line = (height - 58) / ops.length;
  ops.forEach((op, i) => {
    const y = 20 + i * line;
    const isNow = reached >= i && reached < i + 1;
    picture.box(nodes, y + 2, 3, line - 4, reached >= i ? "--accent" : "--line");
    picture.words(op, nodes + 10, y + line - 4, { color: isNow ? "--ink" : "--soft" });
  });

  const shares = Array.from({ length: 10 }, (_, digit) => unpack(votes, digit));
  const best = shares.indexOf(Math.max(...shares));
  const [bars, row] = [nodes + 98, (height - 58) / 10];
  shares.forEach((share, digit) => {
    const y = 20 + digit * row;
    const isBest = digit === best && grown > 0;
    picture.words(String(digit), bars - 8, y + row - 4, { align: "right", color: isBest ? "--ink" : "--soft" });
    picture.box(
      bars,
      y + 2,
      (width - bars - 18) * Math.max(0.01, share * grown),
      row - 4,
      isBest ? "--accent" : "--soft",
    );
  });
  picture.words(`digits.onnx, ${ops.length} nodes`, left, height - 16);
  if (grown === 1)
    picture.words(`reads ${articleOf(best)} ${best}`, width - 18, height - 16, { color: "--ink", align: "right" });
}
