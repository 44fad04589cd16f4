import { checkWhole, counted, ShapeError } from "../errors.ts";
import { figure } from "../plot/figure.ts";
import { element, escaped, type Markup, tag } from "../plot/markup.ts";
import { imagesOf } from "../plot/pixels.ts";
import { dataUri, png } from "../plot/png.ts";
import { checkSamples, op, type ReportSamples } from "./options.ts";

/** Samples whose predicted class is not the actual one: how many there are, and the first of them as images. */
export function misread(
  samples: ReportSamples,
  labels: readonly string[] | undefined,
): { text: string; items: Markup } {
  const { actual, predicted, confidence, most, pixels, shape, range } = checkSamples(samples);
  checkWhole(op, "samples.most", most);
  const n = actual.length;
  const name = (list: string, i: number, label: number): string => {
    checkWhole(op, `samples.${list}[${i}]`, label, 0, labels && labels.length - 1);
    return labels ? labels[label]! : String(label);
  };
  const wrong = Array.from({ length: n }, (_, i) => i).filter((i) => actual[i] !== predicted[i]);
  if (confidence) wrong.sort((a, b) => confidence[b]! - confidence[a]!);
  const first = wrong.slice(0, most);
  const images = imagesOf(op, pixels, shape, range, first);
  if (images.given !== n)
    throw new ShapeError(`${op}: samples.pixels holds ${counted(images.given, "image")} for ${counted(n, "sample")}`);
  const { height, width, channels, bytes } = images;
  const size = height * width * channels;
  const items = first.map((i, k) => {
    const [is, said] = [name("actual", i, actual[i]!), name("predicted", i, predicted[i]!)];
    const sure = confidence ? `, ${figure(100 * confidence[i]!, 3)}\u00a0%` : "";
    const src = dataUri(png(bytes.subarray(k * size, (k + 1) * size), width, height, channels));
    const image = tag("img", { src, width, height, alt: `sample ${i}` });
    return element("li", {}, image, escaped(`${is}, read as ${said}${sure}`));
  });
  const order = confidence ? "the surest first" : "in their order";
  const shown = wrong.length > first.length ? ` Here are ${first.length}, ${order}.` : "";
  return {
    text: `${figure(wrong.length)} of ${counted(n, "sample")} (${figure((100 * wrong.length) / (n || 1), 3)} %) are misread.${shown}`,
    items: element("ul", { class: "samples" }, ...items),
  };
}
