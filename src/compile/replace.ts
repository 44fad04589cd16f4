import { refuse } from "../errors.ts";
import type { CompilerError, PrintedCall, Written } from "../kernels/call.ts";

/** A kernel of a program, for those who may give it another text. */
export type KernelText = Pick<PrintedCall, "label" | "layer" | "family" | "variant" | "workgroups" | "wgsl">;

/** Another text for a kernel, or undefined to keep its own. */
export type ReplaceKernel = (kernel: KernelText) => string | undefined;

/** Calls with other texts for some of their kernels. */
export const withTexts = (calls: readonly PrintedCall[], replace: ReplaceKernel): readonly PrintedCall[] =>
  calls.map((call) => {
    const { label, layer, family, variant, workgroups, wgsl } = call;
    const text = replace({ label, ...(layer && { layer }), family, variant, workgroups, wgsl });
    if (text === undefined || text === wgsl) return call;
    if (typeof text !== "string")
      refuse("compile", `what replaceKernel returns for "${label}"`, text, "WGSL as a string");
    const { annotated: _, ...others } = call;
    return { ...others, wgsl: text, written: [new WholeText(text)] };
  });

/** A kernel that is all a user's. */
class WholeText implements Written {
  readonly #wgsl: string;

  constructor(wgsl: string) {
    this.#wgsl = wgsl;
  }

  async faults(errorsIn: (wgsl: string) => Promise<readonly CompilerError[]>): Promise<readonly string[]> {
    const lines = this.#wgsl.split("\n");
    return (await errorsIn(this.#wgsl)).map(
      ({ lineNum, linePos, message }) =>
        `  line ${lineNum}, column ${linePos}: ${message}\n    ${lines[lineNum - 1]?.trim() ?? ""}`,
    );
  }
}
