import { isFault, type KernelRow, type KernelTime } from "../measure/result.ts";
import { add, groups } from "./elements.ts";
import { figure, percent } from "./figures.ts";

/** A family's kernels, shape by shape: each variant as a bar, with its time and its speed relative to the plainest. */
export function barsOf(family: string, rows: readonly KernelRow[]): HTMLElement {
  const section = document.createElement("section");
  section.className = "family";
  add(section, "h4", family);
  const timed = rows.filter((row): row is KernelTime => !isFault(row));
  // Work that fits a cache can exceed the roof.
  const longest = Math.min(2, Math.max(1, ...timed.map(({ ofRoofline }) => ofRoofline)));
  for (const [shape, variants] of groups(rows, ({ shape }) => shape)) {
    add(section, "h5", shape);
    const list = add(section, "ul");
    list.className = "bars";
    const plainest = variants[0]!;
    for (const row of variants) list.append(barOf(row, plainest, longest));
  }
  return section;
}

function barOf(row: KernelRow, plainest: KernelRow, longest: number): HTMLElement {
  const item = document.createElement("li");
  item.className = row.chosen ? "chosen" : "";
  add(item, "b", `${row.variant}${row.chosen ? " *" : ""}`);
  if (isFault(row)) {
    add(item, "em", `WRONG: ${row.wrong}`).className = "wrong";
    return item;
  }
  const bar = add(item, "i");
  bar.ariaHidden = "true";
  bar.style.setProperty("--share", String(row.ofRoofline / longest));
  add(item, "span", percent(row.ofRoofline));
  add(item, "span", `${figure(row.ms)} ms`);
  add(item, "span", row === plainest ? "" : timesAsFast(row, plainest));
  return item;
}

const timesAsFast = (row: KernelTime, plainest: KernelRow): string =>
  isFault(plainest) ? "" : `${figure(plainest.ms / row.ms)} × ${plainest.variant}`;
