import { expand } from "./expand.ts";
import type { Accessor, Buffer, Kernel, Memory } from "./kernel.ts";

/*
 * The printer: turns kernels into WGSL. Nothing else reads or changes the text of a kernel; passes make requests here.
 */

/** The workgroups of a grid before and after folding. */
export interface Folded {
  readonly from: readonly [number, number, number];
  readonly to: readonly [number, number, number];
}

/** How to check the values that a kernel stores. */
export interface Watch {
  /** Wraps a value to store in the named buffer. */
  stored(name: string, value: string): string;
  readonly buffers: readonly Buffer[];
  readonly functions: readonly string[];
  /** Statements at the end of an invocation. */
  readonly report: readonly string[];
}

/** Options for printing. */
export interface Printing {
  /**
   * Whether to add a comment to each declaration. Without comments, equal kernels have equal text and are compiled
   * once.
   */
  readonly notes?: boolean;
  readonly folded?: Folded | undefined;
  readonly watch?: Watch | undefined;
  readonly joined?: Joined | undefined;
}

/** Buffers that replace a kernel's own; one may cover several neighbours in memory. */
export interface Joined {
  readonly buffers: readonly Buffer[];
  /** One for each buffer of the kernel. */
  readonly places: readonly Place[];
}

/** The position of a kernel's buffer: index of the replacing buffer, and offset in elements. */
export interface Place {
  readonly buffer: number;
  readonly at: number;
}

/** Built-in values of an entry point, by their names in bodies. */
export const builtins = {
  id: "@builtin(global_invocation_id) id: vec3u",
  group: "@builtin(workgroup_id) group: vec3u",
  lane: "@builtin(local_invocation_index) lane: u32",
} as const;
export type Builtin = keyof typeof builtins;

/** Caches a function of a kernel: the steps of a sequence share one kernel. */
function once<T>(make: (kernel: Kernel) => T): (kernel: Kernel) => T {
  const known = new WeakMap<Kernel, T>();
  return (kernel) => {
    const made = known.get(kernel) ?? make(kernel);
    known.set(kernel, made);
    return made;
  };
}

/** The names in a text, except in comments. */
export const wordsOf = (text: string): Set<string> =>
  new Set(text.replace(/\/\/.*/g, "").match(/(?<![.\w])[A-Za-z_]\w*/g));

/** The built-in values that a kernel uses. */
export const builtinsOf = /* @__PURE__ */ once(({ body }): readonly Builtin[] => {
  const words = wordsOf(body);
  return (Object.keys(builtins) as Builtin[]).filter(
    (name) => words.has(name) && !new RegExp(`\\b(let|var) ${name}\\b`).test(body),
  );
});

const halves = /^(f16|vec[234]h|mat[234]x[234]h)$/;

/** The features that a kernel enables. */
export const featuresOf = /* @__PURE__ */ once((kernel): readonly string[] => {
  const { features, functions, body, buffers, memory, types } = kernel;
  const texts = [...functions, body, ...buffers.map(({ type }) => type), ...memory.map(({ type }) => type)];
  const half = [...wordsOf(texts.join("\n"))].some((word) => halves.test(types[word] ?? word));
  return [...(half ? ["f16"] : []), ...features];
});

/** The kernel with its stores expanded. */
function stored(kernel: Kernel, watch?: Watch): Kernel {
  const written = kernel.buffers.filter(({ access }) => access === "read_write");
  const accessors: Record<string, Accessor> = Object.fromEntries(
    written.map(({ name }): [string, Accessor] => [
      `${name}_store`,
      (index, value) => [`${name}[${index}] = ${watch?.stored(name, value!) ?? value};`],
    ]),
  );
  return {
    ...kernel,
    functions: kernel.functions.map((text) => expand(text, accessors)),
    body: expand(kernel.body, accessors),
  };
}

/** What replaces the names of a kernel's buffers: `y`, or with an offset `x[96u + `. */
const namesIn = (kernel: Kernel, { buffers, places }: Joined): Map<string, string> =>
  new Map(
    kernel.buffers.map(({ name }, i) => {
      const { buffer, at } = places[i]!;
      return [name, at > 0 ? `${buffers[buffer]!.name}[${at}u + ` : buffers[buffer]!.name];
    }),
  );

/** The kernel with its buffers replaced. Their comments list what each holds. */
function placed(kernel: Kernel, joined: Joined | undefined): Kernel {
  if (!joined) return kernel;
  const names = namesIn(kernel, joined);
  const { functions, body } = kernel;
  const inside = (b: number): string[] =>
    kernel.buffers
      .map(({ name, note }, i) => ({ name, note, ...joined.places[i]! }))
      .filter(({ buffer }) => buffer === b)
      .sort((a, b) => a.at - b.at)
      .map(({ name, note, at }) => (at > 0 ? `from ${at} on ${name}: ${note}` : note!));
  return {
    ...kernel,
    buffers: joined.buffers.map((buffer, b) => ({ ...buffer, note: inside(b).join("; ") })),
    functions: functions.map((text) => rename(text, names)),
    body: rename(body, names),
  };
}

const enables = (features: readonly string[]): string[] => [
  ...[...new Set(features)].map((name) => `enable ${name};`),
  // Kernels use quad swaps only where all invocations of a quad take the same branch; others of the subgroup may
  // diverge.
  ...(features.includes("subgroups") ? ["diagnostic(off, subgroup_uniformity);"] : []),
];

const noted = (line: string, note: string | undefined, notes: boolean | undefined): string =>
  notes && note ? `${line} // ${note}` : line;

const bound = ({ name, access, type, length, note }: Buffer, binding: number, notes: boolean | undefined): string =>
  noted(`@group(0) @binding(${binding}) var<storage, ${access}> ${name}: array<${type}, ${length}>;`, note, notes);

const shared = ({ name, type, length, note }: Memory, notes: boolean | undefined): string =>
  noted(`var<workgroup> ${name}: array<${type}, ${length}>;`, note, notes);

/** Declarations of the types and constants that a kernel uses. */
function named({ types, constants, buffers, memory, functions, body }: Kernel, notes: boolean | undefined): string[] {
  const words = wordsOf([...functions, ...[...buffers, ...memory].map(({ type }) => type), body].join("\n"));
  const all = [
    ...Object.entries(types).map(([name, type]) => [name, `alias ${name} = ${type};`, "type of values in formulas"]),
    ...constants.map(({ name, value, note }) => [name, `const ${name} = ${value};`, note]),
  ];
  return all.flatMap(([name, line, note]) => (words.has(name!) ? noted(line!, note, notes) : []));
}

const sized = ([x, y, z]: readonly [number, number, number]): string =>
  [x, ...(y > 1 || z > 1 ? [y] : []), ...(z > 1 ? [z] : [])].join(", ");

/** WGSL of one kernel. With a watch, the entry point wraps the kernel's own and then reports what it stored. */
export const print = (kernel: Kernel, how: Printing = {}): string =>
  how.notes || how.folded || how.watch || how.joined ? printed(kernel, how) : plain(kernel);

const plain = /* @__PURE__ */ once((kernel) => printed(kernel, {}));

function printed(kernel: Kernel, { notes, folded, watch, joined }: Printing): string {
  const whole = placed(stored(kernel, watch), joined);
  const { workgroup, buffers, functions, body } = whole;
  const own = builtinsOf(kernel);
  return assembled([
    enables(featuresOf(whole)),
    [
      ...named(whole, notes),
      ...[...buffers, ...(watch?.buffers ?? [])].map((buffer, i) => bound(buffer, i, notes)),
      ...whole.memory.map((array) => shared(array, notes)),
    ],
    ...[...(watch?.functions ?? []), ...functions].map((text) => [text]),
    watch ? [`fn unwatched(${own.map(plainParameter).join(", ")}) {`, indented(body), "}"] : [],
    entry(workgroup, own, folded, watch ? [`  unwatched(${own.join(", ")});`, ...watch.report] : [indented(body)]),
  ]);
}

/** The entry point. It takes built-in values as parameters, or computes them if the grid was folded. */
function entry(
  size: readonly [number, number, number],
  own: readonly Builtin[],
  folded: Folded | undefined,
  body: readonly string[],
): string[] {
  const parameters = folded
    ? [
        "@builtin(workgroup_id) at: vec3u",
        ...(own.includes("id") ? ["@builtin(local_invocation_id) local: vec3u"] : []),
        ...(own.includes("lane") ? [builtins.lane] : []),
      ]
    : own.map((name) => builtins[name]);
  return [
    `@compute @workgroup_size(${sized(size)})`,
    `fn main(${parameters.join(", ")}) {`,
    // A block of its own, so that the body may reuse the names of the grid's arithmetic.
    ...(folded ? [...unfolding(folded, size, own), "  {", indented(body.join("\n")), "  }"] : body),
    "}",
  ];
}

export const plainParameter = (name: Builtin): string => (name === "lane" ? "lane: u32" : `${name}: vec3u`);

const indented = (text: string): string => text.trimEnd().replace(/^(?=.)/gm, "  ");

/** Joins sections with a line between them; collapses blank lines. */
const assembled = (sections: readonly (readonly string[])[]): string =>
  `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")
    .replace(/[ \t]+$/gm, "")
    .replace(/\n{3,}/g, "\n\n")
    .trim()}\n`;

/** Statements that compute a workgroup's position in the original grid. Surplus workgroups return first. */
function unfolding(
  { from: [x, y, z], to: [across, rows, depth] }: Folded,
  size: readonly number[],
  own: readonly Builtin[],
): string[] {
  const number = [
    "at.x",
    ...(rows > 1 ? [`at.y * ${across}u`] : []),
    ...(depth > 1 ? [`at.z * ${across * rows}u`] : []),
  ];
  return [
    `  // ${x} × ${y} × ${z} workgroups, folded to ${across} × ${rows} × ${depth}.`,
    `  let number = ${number.join(" + ")};`,
    `  if (number >= ${x * y * z}u) { return; }`,
    `  let group = vec3u(number % ${x}u, number / ${x}u % ${y}u, number / ${x * y}u);`,
    ...(own.includes("id") ? [`  let id = group * vec3u(${size.map((n) => `${n}u`).join(", ")}) + local;`] : []),
  ];
}

/** One of several kernels in a dispatch. */
export interface Share {
  readonly kernel: Kernel;
  /** Its first invocation in the dispatch, and the end of its range. */
  readonly first: number;
  readonly end: number;
  /** For each of its buffers, its position in the buffers of the dispatch. */
  readonly places: readonly Place[];
}

/**
 * WGSL of several kernels in one dispatch: the entry point branches on the invocation, or on a GPU the workgroup. If
 * two kernels give a name different meanings, the second's gets a suffix.
 */
export function printTogether(
  shares: readonly Share[],
  buffers: readonly Buffer[],
  size: number,
  wholeGroups: boolean,
  { notes, folded }: Printing = {},
): string {
  /** The meaning of each name so far. */
  const taken = new Map<string, string>(
    ["id", "group", "lane", "main", ...shares.map((_, k) => `kernel${k}`)].map((name) => [name, name]),
  );
  const sections: { types: string[]; memory: string[]; functions: string[] } = { types: [], memory: [], functions: [] };
  const texts = shares.map(({ kernel }) => wordsOf([...kernel.functions, kernel.body].join("\n")));
  /** Whether a text has this name, perhaps as a local one, so that a new name would be confused with it. */
  const isUsed = (name: string): boolean => texts.some((words) => words.has(name));
  const own = buffers.map((buffer, b) => {
    // Other kernels may use this name for something else.
    const isElse = (name: string): boolean =>
      shares.some(({ kernel, places }, k) =>
        places.some((place, i) => place.buffer === b && kernel.buffers[i]!.name !== name && texts[k]!.has(name)),
      );
    const name = free(buffer.name, (name) => taken.has(name) || isElse(name));
    taken.set(name, `buffer ${name}`);
    return { ...buffer, name };
  });
  /** A name that is not taken; `names` records what it replaces. */
  const fresh = (name: string, names: Map<string, string>): string => {
    const found = free(name, (other) => taken.has(other) || (other !== name && isUsed(other)));
    if (found !== name) names.set(name, found);
    return found;
  };
  const features: string[] = [];
  const branches = shares.map(({ kernel, first, end, places }, k) => {
    const whole = stored(kernel);
    features.push(...featuresOf(whole));
    const names = namesIn(whole, { buffers: own, places });
    const put = (text: string, list: string[]): void => {
      const renamed = rename(text, names);
      const own = declaredIn(text);
      // Identical declarations are printed once.
      if (own.length > 0 && own.every((name) => taken.get(name) === renamed)) return;
      for (const name of own) fresh(name, names);
      const declared = rename(text, names);
      for (const name of own) taken.set(names.get(name) ?? name, declared);
      list.push(declared);
    };
    for (const line of named(whole, notes)) put(line, sections.types);
    for (const array of whole.memory) {
      // Kernels do not share workgroup memory.
      const name = fresh(array.name, names);
      taken.set(name, `memory ${name}`);
      sections.memory.push(shared({ ...array, name, type: rename(array.type, names) }, notes));
    }
    for (const text of whole.functions) put(text, sections.functions);
    const used = builtinsOf(kernel);
    sections.functions.push(
      `fn kernel${k}(${used.map(plainParameter).join(", ")}) {\n${indented(rename(whole.body, names))}\n}`,
    );
    const from = (name: string, skipped: number) => (skipped === 0 ? name : `vec3u(${name}.x - ${skipped}u, 0u, 0u)`);
    const given = used.map((name) =>
      name === "id" ? from("id", first) : name === "group" ? from("group", first / size) : "lane",
    );
    return `if (${wholeGroups ? `group.x < ${end / size}u` : `id.x < ${end}u`}) { kernel${k}(${given.join(", ")}); }`;
  });
  const read: readonly Builtin[] = wholeGroups ? ["id", "group", "lane"] : ["id"];
  return assembled([
    enables(features.sort()),
    sections.types,
    own.map((buffer, i) => bound(buffer, i, notes)),
    sections.memory,
    ...sections.functions.map((text) => [text]),
    entry([size, 1, 1], read, folded, [`  ${branches.join("\n  else ")}`]),
  ]);
}

const comments = /\/\/.*|\/\*[\s\S]*?\*\//g;

/** The names that a text declares outside functions. */
export const declaredIn = (text: string): string[] => {
  let outside = text.replace(comments, " ");
  for (let before = ""; before !== outside; ) [before, outside] = [outside, outside.replace(/\{[^{}]*\}/g, ";")];
  return [...outside.matchAll(/\b(?:fn|struct|alias|const|var(?:\s*<[^>]*>)?)\s+(\w+)/g)].map(([, name]) => name!);
};

/** The name, or the first of name_1, name_2 … that is not taken. */
export function free(name: string, isTaken: (name: string) => boolean): string {
  let fresh = name;
  for (let k = 1; isTaken(fresh); k++) fresh = `${name}_${k}`;
  return fresh;
}

/** Renames in a text. A new name that ends within an index, `y[4u + `, replaces a name and its bracket. */
export function rename(text: string, names: ReadonlyMap<string, string>): string {
  const isStruct = /^\s*struct\b/.test(text.replace(comments, ""));
  return text.replace(
    /(?<![.\w])([A-Za-z_]\w*)(\[|(?:\s|\/\*[\s\S]*?\*\/)*:)?/g,
    (whole, name: string, behind = "") => {
      const fresh = names.get(name);
      if (fresh === undefined || (isStruct && behind.endsWith(":"))) return whole;
      return fresh.endsWith(" + ") && behind === "[" ? fresh : `${fresh.split("[")[0]}${behind}`;
    },
  );
}
