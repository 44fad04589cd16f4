import { between, mix, type Picture } from "./picture.ts";
import { type CourseRun, type DigitsRun, type PlaygroundRun, type TextRun, unpack } from "./runs.ts";

/*
 * Replays of trainings. Time runs from 0 to 1.
 */

type Rgb = readonly [number, number, number];

const rgbOf = (hex: string): Rgb => {
  const digits = Number.parseInt(hex.slice(1), 16);
  return [digits >> 16, (digits >> 8) & 255, digits & 255];
};

/** One canvas for all planes, in their own size. */
let small: HTMLCanvasElement | undefined;

/** The plane of a small network, its points, and its loss. */
export function drawPlayground(picture: Picture, { points, frames, side }: PlaygroundRun, time: number): void {
  const { context, width, height } = picture;
  const { at, next, share } = between(frames, time);
  const [minus, zero, plus] = ["--minus", "--zero", "--plus"].map((name) => rgbOf(picture.color(name))) as [
    Rgb,
    Rgb,
    Rgb,
  ];
  small ??= document.createElement("canvas");
  [small.width, small.height] = [side, side];
  const inner = small.getContext("2d")!;
  const image = inner.createImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    const value = 2 * mix(unpack(at.plane, i), unpack(next.plane, i), share) - 1;
    const end = value < 0 ? minus : plus;
    for (let channel = 0; channel < 3; channel++)
      image.data[4 * i + channel] = mix(zero[channel]!, end[channel]!, 0.75 * Math.abs(value));
    image.data[4 * i + 3] = 255;
  }
  inner.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, height, height);
  for (const [x, y, of] of points) {
    context.beginPath();
    context.arc(((x + 1) * height) / 2, ((1 - y) * height) / 2, 2.6, 0, 2 * Math.PI);
    context.fillStyle = picture.color(of > 0 ? "--plus" : "--minus");
    context.fill();
    context.strokeStyle = picture.color("--card");
    context.lineWidth = 0.8;
    context.stroke();
  }
  const left = height + 18;
  const most = frames[0]!.loss;
  const y = (loss: number): number => 44 + (height - 60) * (1 - loss / most);
  const x = (i: number): number => left + ((width - left - 16) * i) / (frames.length - 1);
  picture.words("loss", left, 26);
  picture.words(mix(at.loss, next.loss, share).toFixed(3), width - 16, 26, { color: "--ink", align: "right" });
  const known = frames.slice(0, frames.indexOf(at) + 1).map(({ loss }, i) => [x(i), y(loss)] as const);
  picture.curve([...known, [x(frames.indexOf(at) + share), y(mix(at.loss, next.loss, share))]], "--accent");
}

/** A digit, what the network thinks of it, and how many it reads right. */
export function drawDigits(picture: Picture, { image, frames }: DigitsRun, time: number): void {
  const { context, width, height } = picture;
  const { at, next, share } = between(frames, time);
  const size = 112;
  const [left, top] = [18, (height - size) / 2 - 14];
  context.fillStyle = picture.color("--paper");
  context.fillRect(left, top, size, size);
  const pixel = size / 28;
  context.fillStyle = picture.color("--ink");
  for (let i = 0; i < 784; i++) {
    context.globalAlpha = unpack(image, i);
    context.fillRect(left + (i % 28) * pixel, top + Math.floor(i / 28) * pixel, pixel, pixel);
  }
  context.globalAlpha = 1;
  const votes = Array.from({ length: 10 }, (_, digit) =>
    mix(unpack(at.votes, digit), unpack(next.votes, digit), share),
  );
  const best = votes.indexOf(Math.max(...votes));
  const [bars, row] = [left + size + 34, (height - 58) / 10];
  votes.forEach((vote, digit) => {
    const y = 20 + digit * row;
    const color = digit === best ? "--accent" : "--soft";
    picture.words(String(digit), bars - 8, y + row - 4, { align: "right", color: digit === best ? "--ink" : "--soft" });
    picture.box(bars, y + 2, (width - bars - 18) * Math.max(0.01, vote), row - 4, color);
  });
  const step = Math.round(mix(at.step, next.step, share));
  picture.words(`step ${step}`, left, height - 16);
  const right = (100 * mix(at.accuracy, next.accuracy, share)).toFixed(0);
  picture.words(`${right} % of 1,000 read right`, width - 18, height - 16, { color: "--ink", align: "right" });
}

/** What a network writes, sample by sample. */
export function drawText(picture: Picture, { frames }: TextRun, time: number): void {
  const { context, width, height } = picture;
  const place = Math.min(frames.length - 1, Math.floor(time * frames.length));
  const { step, bits, text } = frames[place]!;
  const typed = time >= 1 ? 1 : Math.min(1, 1.4 * (time * frames.length - place));
  context.font = "14px ui-monospace, monospace";
  const letters = Math.floor((width - 36) / context.measureText("x").width);
  const shown = text.slice(0, Math.ceil(typed * text.length));
  const lines = shown.match(new RegExp(`.{1,${letters}}`, "g")) ?? [];
  const most = Math.floor((height - 66) / 24);
  lines.slice(0, most).forEach((line, i) => {
    picture.words(line, 18, 36 + 24 * i, { color: "--ink", size: 14, mono: true });
  });
  picture.words(`after ${step} ${step === 1 ? "step" : "steps"}`, 18, height - 16);
  picture.words(`${bits.toFixed(2)} bits per character`, width - 18, height - 16, { align: "right" });
}

/** Points, the line that learns them, and its loss. */
export function drawCourse(picture: Picture, { points, frames }: CourseRun, time: number): void {
  const { width, height } = picture;
  const { at, next, share } = between(frames, time);
  const place = (x: number, y: number) => [(0.62 * width * (x + 1.1)) / 2.2, (height * (1.3 - y)) / 2.6] as const;
  for (const [x, y] of points) {
    const [left, top] = place(x, y);
    picture.box(left - 2, top - 2, 4, 4, "--plus");
  }
  const [w, b] = [mix(at.w, next.w, share), mix(at.b, next.b, share)];
  picture.curve([place(-1.1, b - 1.1 * w), place(1.1, b + 1.1 * w)], "--warm");
  const [left, right] = [0.68 * width, width - 18];
  const y = (loss: number): number => 44 + (height - 60) * (1 - loss / frames[0]!.loss);
  const x = (i: number): number => left + ((right - left) * i) / (frames.length - 1);
  const loss = mix(at.loss, next.loss, share);
  picture.words("loss", left, 26);
  picture.words(loss.toFixed(3), right, 26, { color: "--ink", align: "right" });
  const known = frames.slice(0, frames.indexOf(at) + 1).map(({ loss }, i) => [x(i), y(loss)] as const);
  picture.curve([...known, [x(frames.indexOf(at) + share), y(loss)]], "--accent");
}
