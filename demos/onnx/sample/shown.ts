/** The digits of the images that go along with the sample, `2.png` and so on. */
export const digits = [2, 7, 8] as const;
