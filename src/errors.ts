/**
 * The errors a user of tilegrad can meet, one class per kind. Every message names the culprit (the op, the tensor, the file)
 * and what was expected of it, so that the line to mend is found without a debugger.
 */
export class TilegradError extends Error {
  override name = "TilegradError";
}

/** Shapes, axes or sizes that do not fit each other. Thrown where the node is built. */
export class ShapeError extends TilegradError {
  override name = "ShapeError";
}

/** An element type an op does not take, or two that differ. Thrown where the node is built. */
export class DTypeError extends TilegradError {
  override name = "DTypeError";
}

/** An attribute outside its range: a dropout rate above 1, a negative learning rate, a NaN. Thrown where it is given. */
export class AttributeError extends TilegradError {
  override name = "AttributeError";
}

/** A missing, surplus, wrongly sized or wrongly typed value handed to `run`. Nothing has been computed. */
export class FeedError extends TilegradError {
  override name = "FeedError";
}

/** Something larger than the adapter allows: the message carries the limit. */
export class LimitError extends TilegradError {
  override name = "LimitError";
}

/** No WebGPU, a lost or destroyed device, or a validation error of the GPU (with the label of the kernel it met). */
export class DeviceError extends TilegradError {
  override name = "DeviceError";
}

/** NaN or infinity where numbers were expected: the message names the kernel and the tensor where it first arose. */
export class NonFiniteError extends TilegradError {
  override name = "NonFiniteError";
}

/** A file that is not what it claims to be. Nothing of it has been used. */
export class FormatError extends TilegradError {
  override name = "FormatError";
}
