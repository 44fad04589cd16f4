/** Explanations of mistakes, loaded when one has been made. */
export const mistakes = () => import("./mistakes.ts");
