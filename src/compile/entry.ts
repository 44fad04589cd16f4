/** A parameter of an entry point, and the built-in value that it holds. */
interface Parameter {
  readonly name: string;
  readonly builtin: string;
}

/** The entry point of a kernel's text. Passes that work on texts wrap it, so that no kernel family has to know of them. */
export interface Entry {
  /** Invocations of a workgroup along each axis. */
  readonly size: readonly [number, number, number];
  /** `@compute @workgroup_size(…)` */
  readonly attributes: string;
  /** As they stand in the text. */
  readonly parameters: string;
  readonly named: readonly Parameter[];
  /** The text with the entry point made an ordinary function. */
  as(name: string): string;
}

export function entryOf(wgsl: string): Entry {
  const [whole, attributes, sizes, parameters] = wgsl.match(
    /(@compute @workgroup_size\(([^)]*)\))\s*fn main\(((?:[^()]|\([^()]*\))*)\)/,
  ) as unknown as [string, string, string, string];
  const [x = 1, y = 1, z = 1] = sizes.split(",").map(Number);
  return {
    size: [x, y, z],
    attributes,
    parameters,
    named: [...parameters.matchAll(/@builtin\((\w+)\) (\w+)/g)].map(([, builtin, name]) => ({
      builtin: builtin!,
      name: name!,
    })),
    as: (name) => wgsl.replace(whole, `fn ${name}(${parameters.replaceAll(/@builtin\(\w+\)\s*/g, "")})`),
  };
}
