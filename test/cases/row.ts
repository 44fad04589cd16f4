import type { Shape } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { Draw } from "../draws.ts";

/**
 * Cases of an op. A row serves the gradient check (against differences of the float64 twin), the device tests (kernels
 * against the twin) and the benchmarks. Shapes deliberately contain primes, ones and awkward tails.
 */
export interface CaseRow {
  readonly name: string;
  op(...inputs: Tensor[]): Tensor;
  /** One entry per case: the shapes of all inputs. */
  readonly shapes: readonly (readonly Shape[])[];
  /** How to fill each input, the last for all that follow; default: reals within ±2. */
  readonly draws?: readonly Draw[];
  /** Set for pointwise ops: they take any shapes that broadcast. */
  readonly pointwise?: boolean;
  /** Set where the derivative is not that of the value: `detach`, or ties. */
  readonly noGradient?: boolean;
  /** Tolerance of f32 against the float64 twin, relative and absolute; default 1e-5 and 1e-5. */
  readonly tolerance?: readonly [rtol: number, atol: number];
}
