/** Steps whose losses are averaged into one value of the curve. */
export const block = 10;

/** Steps between two looks at the text that is held out. */
export const validateEvery = 50;

/** Steps between two samples, once the network has stopped changing fast. */
const writeEvery = 400;

/** Whether the network writes after a step: at first, then after twice as many steps each time. */
export function writesAfter(step: number): boolean {
  if (step < 50) return step === 0;
  const doublings = Math.log2(step / 50);
  return step < writeEvery ? Number.isInteger(doublings) : step % writeEvery === 0;
}
