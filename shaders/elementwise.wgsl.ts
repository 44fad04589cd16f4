import { storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { aliases } from "./lib/half.wgsl.ts";
import { type Scalar, type ViewParams, vec4Load, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

export interface ElementwiseInput {
  readonly name: string;
  readonly type: Scalar;
  readonly view: ViewParams;
  /** Elements of the bound range, a multiple of 4. */
  readonly length: number;
  /** Set where a result takes this input's place: they share one read_write binding. */
  readonly shared: boolean;
  /** Name of an earlier input that lies in the same memory: its binding serves this one too. */
  readonly boundAs?: string | undefined;
}

export interface ElementwiseParams {
  /** Elements of the result. */
  readonly count: number;
  readonly inputs: readonly ElementwiseInput[];
  /** Results: buffer name (that of a shared input or a new one), type, and the value of the body that is stored. */
  readonly outputs: readonly { name: string; type: Scalar; value: string; length: number; shared: boolean }[];
  /** Statements from the inputs' values (named like the buffers with `_` appended) to the outputs' values. */
  readonly body: readonly string[];
  readonly lib: readonly string[];
  readonly usesIndex: boolean;
  /** Whether values of type H (f16) occur. */
  readonly half: boolean;
}

/**
 * The one elementwise kernel: out[i] = body(in₀[i], in₁[i], …) for every i. Each invocation owns four neighbours, so a value is
 * a vec4 wherever the view of an input allows it. Buffers are padded to 16 bytes, so the last invocation may meet up to three
 * elements of padding: there it stores zeros.
 */
export function elementwise({ count, inputs, outputs, body, lib, usesIndex, half }: ElementwiseParams): string {
  // Where a result takes an input's place, both are the same vec4 of one buffer.
  const whole = { vectors: true, load: (name: string, i: string) => `${name}[${i}]` };
  const loads = inputs.map((input) => ({ ...input, ...(input.shared ? whole : vec4Load(input.view, input.type)) }));
  const ragged = count % 4 !== 0;
  const bound = loads.filter(({ boundAs }) => boundAs === undefined);
  const fresh = outputs.filter((output) => !output.shared);
  const declared = [
    ...bound.map(({ name, type, length, shared, vectors }, i) =>
      storage(i, name, shared ? "read_write" : "read", type, length, vectors ? 4 : 1),
    ),
    ...fresh.map(({ name, type, length }, i) => storage(bound.length + i, name, "read_write", type, length, 4)),
  ];
  return wgsl`
${aliases(4, half)}
const COUNT = ${Math.ceil(count / 4)}u; // vec4 in the result
${declared}
${lib}
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= COUNT) { return; }
  #if ${usesIndex}
  let index = 4u * i + vec4u(0u, 1u, 2u, 3u);
  #endif
${loads.map(({ name, boundAs = name, load }) => `  let ${name}_ = ${load(boundAs, "i")};`)}
${body.map((line) => `  ${line}`)}
  #if ${ragged}
  let inside = 4u * i + vec4u(0u, 1u, 2u, 3u) < vec4u(${count}u);
  #endif
${outputs.map(({ name, type, value }) => `  ${name}[i] = ${ragged ? `select(${vec4Of[type]}(), ${value}, inside)` : value};`)}
}
`;
}
