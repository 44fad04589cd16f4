import { DTypeError, ShapeError, StateError } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { type Tensor, type Update, Variable } from "../graph/tensor.ts";
import { evaluateAll, firstOf } from "./evaluate.ts";
import type { Value } from "./value.ts";

/** What a program computes and updates, as for `engine.compile`. */
export interface ReferenceParts {
  readonly outputs?: Readonly<Record<string, Tensor>>;
  readonly updates?: readonly Update[];
}

/**
 * A program on the CPU in float64, with the same outputs, updates and state as an engine's program, but slow and by
 * definition. Variables are not rounded to f32 between runs.
 *
 * @example
 * const program = new ReferenceProgram({ outputs: { loss }, updates });
 * const { loss: value } = program.run({ x, y });
 */
export class ReferenceProgram {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly updates: readonly Update[];
  /** Current values of the variables. */
  readonly state: Map<Variable, Float64Array>;

  /**
   * @param state values of variables; pass that of another program to share them. Variables not in it start with their
   * first values.
   * @throws StateError for a variable with two updates, or one not in `state` that has changed in an engine; ShapeError
   * or DTypeError for an update of another shape or dtype.
   */
  constructor({ outputs = {}, updates = [] }: ReferenceParts, state = new Map<Variable, Float64Array>()) {
    this.outputs = outputs;
    this.updates = allUpdates(Object.values(outputs), updates);
    this.state = state;
    for (const { results } of reachable([...Object.values(outputs), ...this.updates.flat()])) {
      const [y] = results;
      if (y instanceof Variable && !state.has(y)) state.set(y, Float64Array.from(firstOf(y)));
    }
  }

  /**
   * Computes the outputs for given inputs, then performs all updates. Each update reads the values from before all of
   * them.
   */
  run(inputs: Readonly<Record<string, ArrayLike<number>>> = {}): Record<string, Value> {
    const roots = [...Object.values(this.outputs), ...this.updates.map(([, value]) => value)];
    const lookUp = evaluateAll(roots, { inputs, variables: this.state });
    const results = Object.entries(this.outputs).map(([name, tensor]) => [name, lookUp(tensor)] as const);
    for (const [variable, value] of this.updates) this.state.set(variable, lookUp(value).data.slice());
    return Object.fromEntries(results);
  }

  /** The current value of a variable. */
  read(variable: Variable): Float64Array {
    return Float64Array.from(this.state.get(variable) ?? firstOf(variable));
  }

  /** Sets the value of a variable. */
  write(variable: Variable, data: ArrayLike<number>): void {
    this.state.set(variable, Float64Array.from(data));
  }
}

/** The given updates and those that nodes bring along, recursively. */
function allUpdates(outputs: readonly Tensor[], given: readonly Update[]): Update[] {
  const updates = new Map<Variable, Tensor>();
  const include = ([variable, value]: Update): void => {
    const other = updates.get(variable);
    if (other === value) return;
    if (other) throw new StateError(`variable "${variable.name}" is updated twice, by different values`);
    if (!sameShape(variable.shape, value.shape)) {
      const [was, is] = [showShape(variable.shape), showShape(value.shape)];
      throw new ShapeError(`variable "${variable.name}" is ${was}, its update ${is}`);
    }
    if (variable.dtype !== value.dtype) {
      throw new DTypeError(`variable "${variable.name}" is ${variable.dtype}, its update ${value.dtype}`);
    }
    updates.set(variable, value);
    for (const node of reachable([value])) node.effects.forEach(include);
  };
  given.forEach(include);
  for (const node of reachable(outputs)) node.effects.forEach(include);
  return [...updates];
}
