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

/**
 * Colours of marks: light, and dark where the reader prefers it. They are rules for classes, not attributes, so that a
 * page can set its own. A printed page is light.
 */
const light = ["#fff", "#1f2328", "#59636e", "#dde1e6", "#1d4ed8", "#fff"] as const;
const dark = ["#14171c", "#e6e9ed", "#9aa4b0", "#31363e", "#7cb1ff", "#10141b"] as const;
/** For series: each pair has at least 4.5:1 against its background. */
const lightSeries = ["#1d4ed8", "#c2410c", "#15803d", "#7e22ce", "#be185d", "#0f766e", "#854d0e", "#475569"] as const;
const darkSeries = ["#7cb1ff", "#ff9d66", "#5fd38d", "#cfa1ff", "#ff8fc0", "#4fd1c5", "#e8c53a", "#a9b4c2"] as const;

/** Number of colours for series. */
export const colours = lightSeries.length;

const rulesOf = ([paper, ink, soft, line, accent, on]: typeof light | typeof dark, series: readonly string[]): string =>
  [
    `.paper{fill:${paper}}`,
    `text{fill:${ink}}`,
    `.soft{fill:${soft}}`,
    `.line{stroke:${line}}`,
    `.cell,.bar{fill:${accent}}`,
    `.on{fill:${on}}`,
    ...series.map((colour, i) => `.s${i}{stroke:${colour}}.d${i}{fill:${colour}}`),
  ]
    .map((rule) => rule.replaceAll(/(^|[},])(?=[.a-z])/g, "$1.tilegrad-plot "))
    .join("");

const style = (): string =>
  `${rulesOf(light, lightSeries)}@media screen and (prefers-color-scheme:dark){${rulesOf(dark, darkSeries)}}`;

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
