/** Steps whose losses are averaged into one value of the curve. */
export const block = 10;

/** Steps between two looks at the text that is held out. */
export const validateEvery = 50;

/** Whether to look at it after a step: once early, so that there soon is something to see. */
export const looksAfter = (step: number): boolean => step === block || step % validateEvery === 0;

/** Steps between two samples, once the network has stopped changing fast. */
const writeEvery = 400;

/** Steps after which the network writes while it changes fast. */
const firstSamples = [0, 10, 20];

export const stepsText = (step: number): string => `${step.toLocaleString("en-US")} ${step === 1 ? "step" : "steps"}`;

/** Whether the network writes after a step: often at first, then after twice as many steps each time. */
export function writesAfter(step: number): boolean {
  if (step < 50) return firstSamples.includes(step);
  const doublings = Math.log2(step / 50);
  return step < writeEvery ? Number.isInteger(doublings) : step % writeEvery === 0;
}
