import { type Attributes, escaped, type Markup, rounded, tag } from "./markup.ts";
import { fitted, letter } from "./width.ts";

/*
 * What all pictures share: words, colours, a title and a description.
 */

/** Words at a point. */
export const words = (x: number, y: number, text: string, attributes: Attributes = {}): Markup =>
  tag("text", { x, y, ...attributes }, escaped(text));

/** The title of a picture, at its top. Bold letters are wider than those that `fitted` knows. */
export const heading = (title: string, width: number): Markup =>
  words(letter, 1.7 * letter, fitted(title, width - 2 * letter, 16), { "font-weight": 600, "font-size": 13 });

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  /** What the picture shows, for people who cannot see it. */
  readonly description: string;
}

/*
 * Colours: light, and dark where the reader prefers it. They are rules for classes, not attributes, so that a page can
 * set its own. A printed page is light.
 */

interface Colours {
  readonly paper: string;
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  /** Of cells and bars, and of words on them. */
  readonly accent: string;
  readonly on: string;
  /** Of curves: each at least 4.5:1 against the paper. */
  readonly series: readonly string[];
}

const light: Colours = {
  paper: "#fff",
  ink: "#1f2328",
  soft: "#59636e",
  line: "#dde1e6",
  accent: "#1d4ed8",
  on: "#fff",
  series: ["#1d4ed8", "#c2410c", "#15803d", "#7e22ce", "#be185d", "#0f766e", "#854d0e", "#475569"],
};
const dark: Colours = {
  paper: "#14171c",
  ink: "#e6e9ed",
  soft: "#9aa4b0",
  line: "#31363e",
  accent: "#7cb1ff",
  on: "#10141b",
  series: ["#7cb1ff", "#ff9d66", "#5fd38d", "#cfa1ff", "#ff8fc0", "#4fd1c5", "#e8c53a", "#a9b4c2"],
};

/** Number of colours for series. */
export const colours = light.series.length;

/** Dashes, so that lines differ by more than their colours. */
export const dashes = [undefined, "7 3", "2 3", "9 3 2 3"];

function rulesOf({ paper, ink, soft, line, accent, on, series }: Colours): string {
  const rules = [
    [".paper", "fill", paper],
    ["text", "fill", ink],
    [".soft", "fill", soft],
    [".line", "stroke", line],
    [".cell", "fill", accent],
    [".bar", "fill", accent],
    [".on", "fill", on],
    [".edge", "stroke", paper],
    [".ink", "stroke", ink],
    ...series.flatMap((colour, i) => [
      [`.s${i}`, "stroke", colour],
      [`.d${i}`, "fill", colour],
    ]),
  ];
  return rules.map(([mark, property, colour]) => `.tilegrad-plot ${mark}{${property}:${colour}}`).join("");
}

const style = (): string => `${rulesOf(light)}@media screen and (prefers-color-scheme:dark){${rulesOf(dark)}}`;

/** A whole picture: an image with a name and a description, in the colours that the reader prefers. */
export function picture({ width, height, title, description }: Frame, ...marks: readonly Markup[]): Markup {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${rounded(width)} ${rounded(height)}`,
    width,
    height,
    role: "img",
    class: "tilegrad-plot",
    style: "max-width:100%;height:auto",
    "font-family": "system-ui,sans-serif",
    "font-size": letter,
  };
  return tag(
    "svg",
    attributes,
    tag("title", {}, escaped(title)),
    tag("desc", {}, escaped(description)),
    tag("style", {}, style() as Markup),
    tag("rect", { class: "paper", width, height }),
    ...marks,
  );
}
