import { AttributeError, checkObject, counted } from "../errors.ts";
import { order } from "../graph/print.ts";
import { checkTensor, type Tensor, Variable } from "../graph/tensor.ts";
import { functionLines } from "./classes.ts";
import { finished } from "./imports.ts";
import { indented, isName } from "./python.ts";
import { written } from "./write.ts";

/**
 * Writes a graph as a function of Python, for PyTorch 1.13 or later: `def compute(x, y, weights): …`. Its arguments are the
 * graph's inputs, and, if it has any, a dictionary of its variables by name, as `safetensors.torch.load_file` gives it.
 * Unlike the functions of `exportTorch`, it keeps the sizes that the graph has.
 * @param outputs what the function returns, in a dictionary by these names. @param name of the function; default "compute".
 * @returns a module's text, with its imports.
 * @throws AttributeError that names all ops that PyTorch's text lacks.
 */
export function torchFunction(outputs: Readonly<Record<string, Tensor>>, name = "compute"): string {
  const op = "torchFunction";
  checkObject(op, "the argument", outputs, "{ name: tensor, … }");
  for (const [key, tensor] of Object.entries(outputs)) checkTensor(op, `output "${key}"`, tensor);
  const roots = Object.values(outputs);
  const inputs = new Map<string, Tensor>();
  let hasVariables = false;
  for (const node of order(roots)) {
    const [result] = node.results as [Tensor];
    if (node.op.source === "input") inputs.set(node.attrs["name"] as string, result);
    hasVariables ||= result instanceof Variable;
  }
  for (const each of [name, ...inputs.keys()])
    if (!isName(each)) throw new AttributeError(`${op}: "${each}" is no name that Python takes`);
  const problems = new Set<string>();
  const body = written(roots, {
    inputs,
    nameOf: (variable) => `weights[${JSON.stringify(variable.name)}]`,
    callOf: () => undefined,
    problem: (text) => problems.add(text),
  });
  refuseAll(op, problems);
  const args = [...inputs.keys(), ...(hasVariables ? ["weights"] : [])];
  return finished(
    `"""A function of tensors, written by tilegrad."""`,
    `def ${name}(${args.join(", ")}):\n${indented(functionLines(body, Object.keys(outputs)))}`,
  );
}

/** @throws AttributeError that names all problems, if there are any. */
export function refuseAll(op: string, problems: ReadonlySet<string>): void {
  if (problems.size === 0) return;
  throw new AttributeError(
    `${op}: cannot write ${counted(problems.size, "thing")} for PyTorch: ${[...problems].join("; ")}`,
  );
}
