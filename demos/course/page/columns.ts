/** Whether the cells of a column are numbers, which stand on the right, one below the other. Empty cells are either. */
export const isNumeric = (cells: readonly string[]): boolean =>
  cells.some((cell) => cell !== "") &&
  cells.every((cell) => cell === "" || !Number.isNaN(Number(cell.replaceAll(/[,%−]/g, sign))));

/** What numbers of texts have, and those of programs do not. */
const sign = (mark: string): string => (mark === "−" ? "-" : "");
