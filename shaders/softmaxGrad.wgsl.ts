import { array } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, View } from "./lib/kernel.ts";
import { type Lines, places, sum, type Way, widthOf } from "./lib/lines.ts";
import { type End, flatEnd } from "./lib/results.ts";
import { wgsl } from "./wgsl.ts";

/** dx = y · (dy − Σ y · dy) along lines, computed in f32. */
export interface SoftmaxGrad extends Lines {
  readonly y: View;
  readonly dy: View;
  readonly end: End;
}

/** The definition: one invocation per line. */
export const softmaxGradNaive = (p: SoftmaxGrad): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [places(p), array("y", p.y), array("dy", p.dy), flatEnd(p.end, 1)],
    body: wgsl`
      let i = id.x;
      if (i >= LINES) { return; }
      var total = 0.0;
      for (var t = 0u; t < LENGTH; t++) {
        total += y(place(i, t)) * dy(place(i, t));
      }
      for (var t = 0u; t < LENGTH; t++) {
        let at = place(i, t);
        let dx = y(at) * (dy(at) - total);
        put(at, dx);
      }`,
  });

/** Reads vec4s where possible. */
export const softmaxGradLines = (way: Way) => (p: SoftmaxGrad) => {
  const width = widthOf(p);
  return kernel({
    workgroup: way.size,
    width,
    features: way.features ?? [],
    parts: [
      places(p, width),
      array("y", p.y, width),
      array("dy", p.dy, width),
      flatEnd(p.end, width),
      way.keeps(p.length / width, { y: (at) => `y(${at})`, dy: (at) => `dy(${at})` }),
      way.folds("f32", { sum }, width),
    ],
    body: wgsl`
      ${way.line("LINES")}
      let begin = place(i, 0u);
      read_line(along(begin, t));
      var sums = F();
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        ${way.again === "kept" ? [] : "let at = along(begin, t);"}
        sums += line_y(at) * line_dy(at);
      }
      let total = sum_of_line(sums);
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let at = along(begin, t);
        let dx = line_y(at) * (line_dy(at) - total);
        put(at, dx);
      }`,
  });
};
