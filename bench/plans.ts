import * as augment from "../src/augment/index.ts";
import { nn } from "../src/index.ts";
import { kernelCases } from "./cases/index.ts";
import type { Plan, SuiteOptions } from "./measure/suite.ts";
import { speedTest } from "./speed.ts";
import { lenet, workloads } from "./workloads.ts";

/** All that `tilegrad/augment` does to images in training. */
const augmentation = (): nn.Module =>
  nn.sequential(
    augment.randomHorizontalFlip(),
    augment.randomAffine({ degrees: 10, translate: [0.1, 0.1], scale: [0.9, 1.1] }),
    augment.randomCrop(28, { padding: 2 }),
    augment.gaussianNoise(),
  );

/** Every kernel and every training step. */
export const everything: Plan = {
  kernels: kernelCases,
  steps: [
    ...workloads,
    { name: "LeNet, images flipped, moved, cropped, with noise", build: () => lenet(augmentation()) },
  ],
};

/** What options choose from. */
export const planOf = ({ speed }: Pick<SuiteOptions, "speed">): Plan => (speed ? speedTest : everything);
