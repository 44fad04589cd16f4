import { quoted } from "../errors.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import type { Variable } from "../graph/tensor.ts";
import { type Training, together } from "../io/checkpoint.ts";
import type { SafetensorsTensor } from "../io/dtypes.ts";
import { differences, MismatchError } from "../io/mismatch.ts";
import { variablesOf } from "../io/named.ts";

/** The rules of a run's optimizers: `part → rule`, such as `optimizer → adamW`. */
export type Rules = Readonly<Record<string, string>>;

/** An optimizer's state has a variable "lr", whose group begins with the name of the rule. */
const ofRule = / learning rate$/;

export function rulesOf(training: Training): Rules {
  return Object.fromEntries(
    Object.entries(training).flatMap(([part, named]) => {
      const group = variablesOf("checkpoints", named).get("lr")?.group ?? "";
      return ofRule.test(group) ? [[part, group.replace(ofRule, "")]] : [];
    }),
  );
}

/**
 * Checks that a file fits a run.
 * @param file its name. @throws MismatchError that lists all differences.
 */
export function checkFit(
  file: string,
  training: Training,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  rulesInFile: Rules,
): void {
  const rules = rulesOf(training);
  const others = Object.keys(rules).filter((part) => (rulesInFile[part] ?? rules[part]) !== rules[part]);
  // The state of another optimizer differs throughout: its name says it all.
  const isOther = (name: string) => others.some((part) => name.startsWith(`${part}.`));
  const variables = [...together(training)].filter(([name]) => !isOther(name));
  const here = new Map(variables);
  const unexpected = [...tensors.keys()].filter((name) => !here.has(name) && !isOther(name));
  const missing = variables.filter(([name]) => !tensors.has(name)).map(([name]) => name);
  const misfits = variables.flatMap(([name, variable]) => {
    const tensor = tensors.get(name);
    const fault = tensor && misfit(variable, tensor);
    return fault ? [{ name, fault }] : [];
  });
  const faults = misfits.map(({ name, fault }) => `"${name}" is ${fault}`);
  const all = [
    ...others.map((part) => `"${part}" is of optim.${rulesInFile[part]}, here of optim.${rules[part]}`),
    ...differences(faults, "other shapes or types", { missing, unexpected }),
  ];
  if (all.length === 0) return;
  const misshapen = misfits.map(({ name }) => name);
  throw new MismatchError(`${file}: is of another run: ${all.join("; ")}`, missing, unexpected, misshapen);
}

function misfit({ shape, dtype }: Variable, tensor: SafetensorsTensor): string | undefined {
  if (!sameShape(tensor.shape, shape)) return `${quoted(tensor.shape)}, here ${showShape(shape)}`;
  const inFile = /^B?F\d/.test(tensor.dtype) ? "a float" : tensor.dtype.replace("I64", "I32");
  const wanted = /^f/.test(dtype) ? "a float" : dtype.toUpperCase();
  return inFile === wanted ? undefined : `${tensor.dtype}, here ${dtype.toUpperCase()}`;
}
