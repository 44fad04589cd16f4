/** Explanations of mistakes, loaded when one has been made. */
export const mistakes = () => import("./mistakes.ts");

/** Factors of classes, loaded when some are given. */
export const weighing = () => import("./classWeights.ts");
