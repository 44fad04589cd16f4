/** Checkpoints of training runs, in a store: `tilegrad/checkpoints`. */

export {
  type Checkpoint,
  type CheckpointOptions,
  Checkpoints,
  type Contents,
  checkpoints,
  type Progress,
} from "./checkpoints.ts";
