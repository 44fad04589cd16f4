/** The label of a place that has none, such as after the end of a line. */
export const ignored = -100;
