import { figure } from "../../bench/report/figures.ts";
import { choiceOf, climb, type Ladder, limits, type Summary } from "./summary.ts";

/*
 * A result as a picture: an SVG without anything that it would have to load.
 */

const width = 880;
const margin = 40;
const inks = { paper: "#fffefb", ink: "#1b1a17", soft: "#67635a", line: "#e2ddd2", bar: "#b9c4ee", accent: "#2546c7" };
const sans = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Open Sans', sans-serif";
const serif = "'Iowan Old Style', Palatino, Georgia, serif";

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

interface Look {
  readonly size?: number;
  readonly fill?: string;
  readonly weight?: number;
  readonly anchor?: "start" | "end";
  readonly family?: string;
}

function words(x: number, y: number, text: string, look: Look = {}): string {
  const { size = 15, fill = inks.ink, weight = 400, anchor = "start", family = sans } = look;
  return (
    `<text x="${x}" y="${y}" font-family="${family}" font-size="${size}" font-weight="${weight}" ` +
    `fill="${fill}" text-anchor="${anchor}">${escaped(text)}</text>`
  );
}

const box = (x: number, y: number, wide: number, high: number, fill: string): string =>
  `<rect x="${x}" y="${y}" width="${Math.max(0, wide).toFixed(1)}" height="${high}" rx="2" fill="${fill}"/>`;

const rule = (y: number): string => `<path d="M${margin} ${y}H${width - margin}" stroke="${inks.line}"/>`;

function headOf({ adapter, cpu, where, date, stopped, disturbed }: Summary): string {
  const note =
    stopped !== undefined ? `Incomplete: ${stopped}.` : disturbed ? "Other work ran meanwhile: rough figures." : "";
  return [
    words(margin, 52, "tilegrad speed test", { size: 15, fill: inks.soft }),
    words(margin, 92, `${adapter}${cpu ? " (software)" : ""}`, { size: 34, weight: 600, family: serif }),
    words(margin, 120, `${where}, ${date.slice(0, 10)}`, { fill: inks.soft }),
    words(width - margin, 120, note, { fill: inks.soft, anchor: "end", size: 13 }),
  ].join("");
}

function limitsOf(summary: Summary, y: number): string {
  const wide = (width - 2 * margin) / limits.length;
  return limits
    .map(({ key, name, unit }, i) => {
      const [x, value] = [margin + i * wide, summary.limits[key]];
      return [
        words(x, y, name, { size: 13, fill: inks.soft }),
        words(x, y + 28, value === undefined ? "–" : figure(value), { size: 25, weight: 600 }),
        words(x, y + 46, unit, { size: 13, fill: inks.soft }),
      ].join("");
    })
    .join("");
}

const barLeft = 400;
const barWidth = 240;
/** Room for a rate as wide as "1234 GFLOP/s". */
const valueWidth = 130;
const rowHeight = 30;

/** A row with a small bar for each variant. */
function ladderOf(ladder: Ladder, y: number): string {
  const { title, unit, rungs } = ladder;
  const [choice, times] = [choiceOf(ladder), climb(ladder)];
  const most = Math.max(...rungs.map(({ rate }) => rate));
  const high = Math.min(6, 22 / rungs.length);
  const bars = rungs.map(({ rate, chosen }, i) =>
    box(barLeft, y - 17 + i * high, (barWidth * rate) / most, Math.max(1, high - 1), chosen ? inks.accent : inks.bar),
  );
  const value = choice ? `${figure(choice.rate)} ${unit}` : "–";
  return [
    words(margin, y, title, { size: 14 }),
    ...bars,
    words(width - margin, y, value, { weight: 600, anchor: "end" }),
    words(width - margin - valueWidth, y, times === undefined ? "" : `${figure(times)} ×`, {
      size: 13,
      fill: inks.soft,
      anchor: "end",
    }),
  ].join("");
}

/** The picture of a result. */
export function cardOf(summary: Summary): string {
  const { ladders, steps } = summary;
  const parts = [headOf(summary), rule(146), limitsOf(summary, 176)];
  let y = 248;
  if (ladders.length > 0) {
    parts.push(rule(y), words(margin, y + 30, "Kernels, from their definition up", { weight: 600 }));
    parts.push(
      words(width - margin, y + 30, "× naive, then the engine's choice", { size: 13, fill: inks.soft, anchor: "end" }),
    );
    y += 30;
    for (const ladder of ladders) {
      y += rowHeight;
      parts.push(ladderOf(ladder, y));
    }
    y += 24;
  }
  if (steps.length > 0) {
    parts.push(rule(y), words(margin, y + 30, "Training steps", { weight: 600 }));
    y += 30;
    for (const { name, ms } of steps) {
      y += 26;
      parts.push(words(margin, y, name, { size: 14 }));
      parts.push(words(width - margin, y, `${figure(ms)} ms`, { weight: 600, anchor: "end" }));
    }
    y += 24;
  }
  const height = y + 24;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
    `<rect width="${width}" height="${height}" fill="${inks.paper}"/>${parts.join("")}</svg>`
  );
}

/** The picture as an address of an image. */
export const addressOf = (svg: string): string => `data:image/svg+xml,${encodeURIComponent(svg)}`;

/** The picture in pixels, twice as dense. */
export async function pngOf(svg: string): Promise<Blob> {
  const image = new Image();
  image.src = addressOf(svg);
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * image.naturalWidth, 2 * image.naturalHeight];
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser made no PNG"))), "image/png"),
  );
}
