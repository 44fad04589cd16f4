import { bufferOf, readOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import type { Body } from "./lib/results.ts";
import { vec4Of } from "./lib/view.wgsl.ts";
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
 * The elementwise kernel: out[i] = body(in0[i], in1[i], …). Width 1 is the definition: each invocation computes one
 * element. With width 4 it computes four neighbours, loaded as a vec4 where an input's view allows. Buffers are padded
 * to 16 bytes; the last invocation then stores zeros in the padding.
 * @param count elements of a result.
 */
export function elementwise(
  count: number,
  { body, values, lib, usesIndex }: Body,
  inputs: readonly ElementwiseInput[],
  outputs: readonly ElementwiseOutput[],
  width: 1 | 4,
): Kernel {
  const positions = width === 4 ? "4u * i + vec4u(0u, 1u, 2u, 3u)" : "i";
  const bound = inputs.map(({ view, shared, boundAs }, i): Part => {
    // If a result reuses an input's memory, both are the same elements of one buffer.
    const { vectors, load } = shared
      ? { vectors: width === 4, load: (name: string, at: string) => `${name}[${at}]` }
      : readOf(view, width);
    const buffer = bufferOf(`in${i}`, view, shared ? "read_write" : "read", vectors ? 4 : 1);
    return { buffers: boundAs === i ? [buffer] : [], accessors: { [`in${i}`]: (at) => load(`in${boundAs}`, at!) } };
  });
  const nameOf = ({ over }: ElementwiseOutput, o: number) => (over === undefined ? `out${o}` : `in${over}`);
  const ragged = count % width !== 0;
  return kernel({
    workgroup: workgroupSize,
    width,
    parts: [
      ...bound,
      ...outputs.map(
        (output, o): Part => ({
          buffers: output.over === undefined ? [bufferOf(nameOf(output, o), output.view, "read_write", width)] : [],
        }),
      ),
    ],
    constants: { COUNT: [Math.ceil(count / width), width === 4 ? "vec4s in the result" : "results"] },
    functions: lib,
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      #if ${usesIndex}
      let index = ${positions};
      #endif
      ${inputs.map((_, i) => `let x${i} = in${i}(i);`)}
      ${body}
      #if ${ragged}
      let inside = ${positions} < vec4u(${count}u);
      #endif
      ${outputs.map((output, o) => {
        const value = values[output.value]!;
        return `${nameOf(output, o)}_store(i, ${ragged ? `select(${vec4Of[output.view.dtype]}(), ${value}, inside)` : value});`;
      })}`,
  });
}
