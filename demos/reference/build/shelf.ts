import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readProject } from "./project.ts";
import { Kind, type Reflection } from "./reflection.ts";

const root = join(import.meta.dirname, "../../..");

/** A page of the reference: an entry of the package, or a part of the largest. */
export interface Shelf {
  /** Of its file. */
  readonly name: string;
  readonly title: string;
  /** What programs import. */
  readonly entry: string;
  /** What is in it: one sentence. */
  readonly about: string;
}

/** A name of the library with its place in the reference. */
export interface Item {
  /** As programs write it: `linear`, `init.uniform`. */
  readonly name: string;
  readonly anchor: string;
  readonly shelf: Shelf;
  readonly reflection: Reflection;
  /** Whether an entry exports it. Other types are here because signatures name them. */
  readonly isPublic: boolean;
}

/** Names of another page that an entry exports as well. */
export interface Alias {
  readonly name: string;
  readonly shelf: Shelf;
  readonly target: number;
}

/** Parts of the entry `tilegrad`, by the files of their sources; the first that fits. */
const parts: readonly (readonly [name: string, title: string, files: RegExp, about: string])[] = [
  ["errors", "Errors", /^src\/errors\./, "a class for each kind of mistake, with what it means."],
  [
    "tensors",
    "Tensors and gradients",
    /^src\/(graph\/|compile\/grad\.)/,
    "nodes of a graph, variables, shapes, gradients, and a graph as text.",
  ],
  ["ops-sources", "Ops: inputs, constants, random numbers", /^src\/ops\/sources\//, "where tensors come from."],
  [
    "ops-pointwise",
    "Ops: element by element",
    /^src\/ops\/pointwise\//,
    "arithmetic, comparisons, elementary functions, activations.",
  ],
  ["ops-moves", "Ops: shapes and places", /^src\/ops\/moves\//, "reshaping, slicing, joining, gathering, scattering."],
  ["ops-lines", "Ops: along axes", /^src\/ops\/lines\//, "sums and other reductions, running sums, sorting, softmax."],
  [
    "ops-network",
    "Ops: of networks",
    /^src\/ops\/network\//,
    "products, convolution, pooling, normalisation, attention, recurrence.",
  ],
  ["ops-custom", "Ops of your own", /^src\/ops\/custom\//, "ops with kernels that you write."],
  ["engine", "The engine", /./, "compiles graphs, runs programs, reads results, looks inside."],
];

/** What is in each entry, by its name in package.json. */
const abouts: Readonly<Record<string, string>> = {
  "./nn": "layers, models as trees of layers, initialisers.",
  "./losses": "loss functions, with weights, smoothing and ignored labels.",
  "./optim": "optimizers, schedules, clipping, groups, averages of weights.",
  "./metrics": "accuracy and other scores, computed on the CPU from predictions.",
  "./data": "random streams, splits, batches, balance of classes.",
  "./data/csv": "tables from CSV, and encoders that make tensors of them.",
  "./data/npy": "NumPy's files, `.npy` and `.npz`.",
  "./data/stream": "samples from iterables that are larger than memory.",
  "./data/text": "texts as numbers: tokenizers, vocabularies, windows.",
  "./datasets": "data sets by one call.",
  "./io": "safetensors and IDX files.",
  "./images": "images to tensors, resized and normalised.",
  "./augment": "random changes to images on the GPU.",
  "./report": "a training run as one HTML file.",
  "./show": "values as text, tables and pictures.",
  "./plot": "plots as SVG.",
  "./model": "a model as a list, as JSON, and as one file with its weights.",
  "./checkpoints": "states of a training, kept and found again.",
  "./worker": "training in a worker.",
  "./store": "files that outlive the program.",
  "./train": "the trainer: fit, evaluate, predict, callbacks.",
  "./parallel": "one training shared by several tabs, workers or machines.",
  "./torch": "training runs and graphs as programs for PyTorch.",
  "./keras": "weights that Keras saved.",
  "./onnx": "models of ONNX files, as graphs that run and train, and graphs as such files.",
  "./recover": "training that goes on after the GPU device is lost.",
  "./exported": "programs compiled ahead of time.",
  "./reference": "graphs on the CPU in float64.",
  "./recording": "what `program.record` writes: checked, read, drawn.",
  "./selfcheck": "kernel variants checked on the user's device.",
  "./wasm": "programs on the CPU where there is no WebGPU.",
  "./node": "WebGPU and files in Node.",
};

/** All pages: those of `tilegrad`, then the other entries in the order of package.json. */
export function readShelves(): Shelf[] {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { exports: object };
  const main = parts.map(([name, title, , about]) => ({ name, title, entry: "tilegrad", about }));
  const others = Object.entries(exports).flatMap(([key, value]) => {
    if (key === "." || key === "./bundle" || typeof value === "string") return [];
    const about = abouts[key] ?? "";
    const entry = key.replace(/^\./, "tilegrad");
    return [{ name: key.slice(2).replaceAll("/", "-"), title: entry, entry, about }];
  });
  return [...main, ...others];
}

/** The whole reference. */
export interface Reference {
  readonly shelves: readonly Shelf[];
  readonly items: readonly Item[];
  readonly aliases: readonly Alias[];
  /** Where a declaration of typedoc's is shown. */
  hrefOf(id: number): string | undefined;
  /** Members with anchors of their own: also those inherited from a base that no entry exports. */
  membersOf(reflection: Reflection): readonly Reflection[];
  /** The page and anchor of a name of the library as texts write it: `nn.linear`, `Engine.create`, `crossEntropy()`. */
  find(written: string): string | undefined;
}

let latest: { readonly project: Reflection; readonly reference: Reference } | undefined;

export async function readReference(): Promise<Reference> {
  const project = await readProject();
  if (latest?.project !== project) latest = { project, reference: referenceOf(project) };
  return latest.reference;
}

/** A name as programs write it that import an entry as a namespace: `nn.linear`. */
const qualified = ({ entry }: Shelf, name: string): string =>
  `${entry.replace(/^tilegrad\//, "").replaceAll("/", ".")}.${name}`;

function referenceOf(project: Reflection): Reference {
  const shelves = readShelves();
  const items: Item[] = [];
  const aliases: Alias[] = [];
  const taken = new Set<string>();
  const placeOf = (entry: string, { sources }: Reflection): Shelf => {
    const file = sources?.[0]?.fileName ?? "";
    const name = entry === "tilegrad" ? parts.find(([, , files]) => files.test(file))![0] : "";
    return shelves.find((shelf) => (name ? shelf.name === name : shelf.entry === entry))!;
  };
  const take = (reflection: Reflection, entry: string, prefix: string, isPublic: boolean): void => {
    const { kind, name, children = [] } = reflection;
    if (kind === Kind.module) for (const child of children) take(child, entry, "", false);
    else if (kind === Kind.namespace) for (const child of children) take(child, entry, `${name}.`, isPublic);
    else if (kind === Kind.reference)
      aliases.push({ name, shelf: placeOf(entry, reflection), target: reflection.target! });
    else {
      const shelf = placeOf(entry, reflection);
      let anchor = prefix + name;
      // A type may have the name of a function.
      while (taken.has(`${shelf.name}#${anchor}`)) anchor += "-type";
      taken.add(`${shelf.name}#${anchor}`);
      items.push({ name: prefix + name, anchor, shelf, reflection, isPublic });
    }
  };
  for (const module of project.children ?? []) {
    const entry = module.name.replace(/^src/, "tilegrad");
    for (const child of module.children ?? []) take(child, entry, "", true);
  }
  const publicNames = new Set(items.filter(({ isPublic }) => isPublic).map(({ name }) => name));
  const membersOf = ({ kind, children = [] }: Reflection): Reflection[] =>
    kind === Kind.class || kind === Kind.interface
      ? children.filter(({ inheritedFrom, flags, sources }) => {
          if (flags.isProtected || !sources?.[0]?.fileName.startsWith("src/")) return false;
          return !inheritedFrom || (kind === Kind.class && !publicNames.has(inheritedFrom.name.split(".")[0]!));
        })
      : [];
  const hrefs = new Map<number, string>();
  const named = new Map<string, Set<string>>();
  const call = (name: string, href: string) => named.set(name, (named.get(name) ?? new Set()).add(href));
  for (const { anchor, shelf, reflection, name, isPublic } of items) {
    const href = `${shelf.name}.html#${anchor}`;
    hrefs.set(reflection.id, href);
    for (const { id } of reflection.signatures ?? []) hrefs.set(id, href);
    for (const member of membersOf(reflection)) {
      const place = `${href}.${member.name}`;
      hrefs.set(member.id, place);
      for (const { id } of member.signatures ?? []) hrefs.set(id, place);
      if (isPublic && member.signatures) call(`${name}.${member.name}`, place);
    }
    if (!isPublic || anchor.endsWith("-type")) continue;
    call(`${name}()`, href);
    call(qualified(shelf, name), href);
  }
  for (const { name, shelf, target } of aliases) {
    const href = hrefs.get(target);
    if (href !== undefined) call(qualified(shelf, name), href);
  }
  for (const module of project.children ?? []) {
    const shelf = shelves.find(({ entry }) => entry === module.name.replace(/^src/, "tilegrad"));
    if (module.name !== "src" && shelf) hrefs.set(module.id, `${shelf.name}.html`);
  }
  return {
    shelves,
    items,
    aliases,
    hrefOf: (id) => hrefs.get(id),
    membersOf,
    find(written) {
      const found = named.get(written) ?? named.get(written.replace(/\(\)$/, ""));
      return found?.size === 1 ? [...found][0] : undefined;
    },
  };
}
