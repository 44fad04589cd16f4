/** What the network can be given of a point: a formula of its coordinates, for the page and in three languages. */
export interface Feature {
  /** For the reader. */
  readonly label: string;
  readonly of: (x1: number, x2: number) => number;
  /** The formula in JavaScript. */
  readonly js: string;
  /** The formula in Python with NumPy. */
  readonly py: string;
}

export const features = {
  x1: { label: "x₁", of: (x1) => x1, js: "x1", py: "x1" },
  x2: { label: "x₂", of: (_, x2) => x2, js: "x2", py: "x2" },
  "x1.x1": { label: "x₁²", of: (x1) => x1 * x1, js: "x1 * x1", py: "x1 * x1" },
  "x2.x2": { label: "x₂²", of: (_, x2) => x2 * x2, js: "x2 * x2", py: "x2 * x2" },
  "x1.x2": { label: "x₁x₂", of: (x1, x2) => x1 * x2, js: "x1 * x2", py: "x1 * x2" },
  sin1: { label: "sin x₁", of: (x1) => Math.sin(x1), js: "Math.sin(x1)", py: "np.sin(x1)" },
  sin2: { label: "sin x₂", of: (_, x2) => Math.sin(x2), js: "Math.sin(x2)", py: "np.sin(x2)" },
} as const satisfies Readonly<Record<string, Feature>>;

export type FeatureName = keyof typeof features;

export const featureNames = Object.keys(features) as FeatureName[];

/** Features of points. @param x coordinates, `[points, 2]`. @returns `[points, features]`, filled up with 0 to `rows`. */
export function featuresOf(
  names: readonly FeatureName[],
  x: Float32Array,
  rows = x.length / 2,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(rows * names.length);
  for (let i = 0; i < x.length / 2; i++)
    for (const [k, name] of names.entries()) values[i * names.length + k] = features[name].of(x[2 * i]!, x[2 * i + 1]!);
  return values;
}
