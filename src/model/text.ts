import { counted } from "../errors.ts";
import { showShape } from "../graph/shape.ts";
import type { Costs, LayerSummary, Summary } from "./report.ts";
import { grouped, showBytes, showCount, table } from "./table.ts";

/** A summary as a table, with the totals below. @param isCommon whether it describes no adapter of yours. */
export function textOf(found: Omit<Summary, "text">, isCommon: boolean): string {
  const { layers, parameters, frozen, buffers, evaluation, training } = found;
  const head = ["layer", "kind", "output", "parameters", "memory", "operations", "kernels"];
  const notes = [
    `${grouped(parameters)} parameters (${showBytes(4 * parameters)})`,
    ...(frozen > 0 ? [`${grouped(frozen)} of them frozen (*)`] : []),
    ...(buffers > 0 ? [`${grouped(buffers)} other numbers, such as running statistics`] : []),
  ];
  return [
    table([head, ...layers.map(rowOf)], new Set([3, 4, 5, 6])),
    notes.join(", "),
    ...linesOf("evaluation", evaluation),
    ...(training ? linesOf("training", training) : []),
    ...(isCommon ? ["for a typical GPU; for your adapter, pass traits: engine.traits"] : []),
  ].join("\n");
}

function rowOf({ path, kind, depth, output, parameters, frozen, memory, operations, kernels }: LayerSummary): string[] {
  const name = path.slice(path.lastIndexOf(".") + 1) || "model";
  const dtype = !output || output.dtype === "f32" ? "" : `${output.dtype} `;
  // A layer may be frozen in part.
  const mark = frozen === 0 ? "" : frozen === parameters ? " *" : " (*)";
  return [
    "  ".repeat(depth) + name,
    kind,
    output ? dtype + showShape(output.shape) : "",
    parameters > 0 ? grouped(parameters) + mark : "",
    memory > 0 ? showBytes(memory) : "",
    operations > 0 ? showCount(operations) : "",
    kernels > 0 ? `${kernels}` : "",
  ];
}

function linesOf(name: string, { memory, operations, kernels, dispatches }: Costs): string[] {
  const { variables, inputs, constants, scratch, total } = memory;
  const parts = Object.entries({ variables, inputs, constants, "other values": scratch })
    .filter(([, bytes]) => bytes > 0)
    .map(([part, bytes]) => `${part} ${showBytes(bytes)}`);
  return [
    `${name}: ${showCount(operations)} operations, ${counted(kernels, "kernel")} in ${counted(dispatches, "dispatch", "dispatches")}` +
      (kernels > dispatches ? " (kernels that do not wait for each other share one)" : ""),
    `${name}: ${showBytes(total)} of memory (${parts.join(", ")})`,
  ];
}
