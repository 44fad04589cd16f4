import { AttributeError } from "../errors.ts";

/** Refuses tensors, which a trainer gives to its metrics: functions of this folder take numbers. */
export function checkHost(op: string, ...values: readonly unknown[]): void {
  if (!values.some((value) => Object.prototype.toString.call(value) === "[object Tensor]")) return;
  throw new AttributeError(
    `${op}: an argument is a tensor, expected numbers: metrics.${op}(predicted, actual, …) is for predictions on the host, ` +
      "such as those of trainer.predict; a trainer's own metrics are in tilegrad/train",
  );
}
