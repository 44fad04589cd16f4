import { bufferOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import type { Body } from "./lib/results.ts";
import { vec4Load, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** An input of an elementwise kernel. */
export interface ElementwiseInput {
  readonly view: View;
  /** Whether a result reuses its memory, so that both share one binding. */
  readonly shared: boolean;
  /** Index of the input whose binding it uses: its own, or an earlier input in the same memory. */
  readonly boundAs: number;
}

export interface ElementwiseOutput {
  readonly view: View;
  /** Index of the body's value to store. */
  readonly value: number;
  /** Index of the input whose memory it reuses. */
  readonly over?: number | undefined;
}

/**
 * The elementwise kernel: out[i] = body(in0[i], in1[i], …). Each invocation computes four neighbouring elements, loaded
 * as a vec4 where an input's view allows. Buffers are padded to 16 bytes; the last invocation stores zeros in the
 * padding.
 * @param count elements of a result.
 */
export function elementwise(
  count: number,
  { body, values, lib, usesIndex }: Body,
  inputs: readonly ElementwiseInput[],
  outputs: readonly ElementwiseOutput[],
): Kernel {
  const bound = inputs.map(({ view, shared, boundAs }, i): Part => {
    // If a result reuses an input's memory, both are the same vec4s of one buffer.
    const { vectors, load } = shared
      ? { vectors: true, load: (name: string, at: string) => `${name}[${at}]` }
      : vec4Load(view, view.dtype);
    const buffer = bufferOf(`in${i}`, view, shared ? "read_write" : "read", vectors ? 4 : 1);
    return { buffers: boundAs === i ? [buffer] : [], accessors: { [`in${i}`]: (at) => load(`in${boundAs}`, at!) } };
  });
  const nameOf = ({ over }: ElementwiseOutput, o: number) => (over === undefined ? `out${o}` : `in${over}`);
  const ragged = count % 4 !== 0;
  return kernel({
    workgroup: workgroupSize,
    width: 4,
    parts: [
      ...bound,
      ...outputs.map(
        (output, o): Part => ({
          buffers: output.over === undefined ? [bufferOf(nameOf(output, o), output.view, "read_write", 4)] : [],
        }),
      ),
    ],
    constants: { COUNT: [Math.ceil(count / 4), "vec4s in the result"] },
    functions: lib,
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      #if ${usesIndex}
      let index = 4u * i + vec4u(0u, 1u, 2u, 3u);
      #endif
      ${inputs.map((_, i) => `let x${i} = in${i}(i);`)}
      ${body}
      #if ${ragged}
      let inside = 4u * i + vec4u(0u, 1u, 2u, 3u) < vec4u(${count}u);
      #endif
      ${outputs.map((output, o) => {
        const value = values[output.value]!;
        return `${nameOf(output, o)}_store(i, ${ragged ? `select(${vec4Of[output.view.dtype]}(), ${value}, inside)` : value});`;
      })}`,
  });
}
