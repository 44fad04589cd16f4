import { quoted } from "../../errors.ts";
import { ARRAYS, type SafetensorsTensor } from "../../io/dtypes.ts";
import { attributesOf, MESSAGE, type Message, messagesAt } from "./header.ts";
import { Source } from "./source.ts";
import { countOf, elementTypeAt, shapeAt } from "./types.ts";

/** A folder of the file. */
export interface Group {
  readonly kind: "group";
  /** Its path from the root, for errors. */
  readonly path: string;
  readonly attributes: ReadonlyMap<string, string | readonly string[]>;
  /** By name, in the order of names. */
  readonly members: ReadonlyMap<string, Group | Dataset>;
}

/** An array of the file. */
export interface Dataset {
  readonly kind: "dataset";
  readonly path: string;
  readonly attributes: ReadonlyMap<string, string | readonly string[]>;
  /** Reads its elements, in new memory. */
  readonly read: () => SafetensorsTensor;
}

/** Groups within groups. Keras's paths have a few names. */
const deepest = 64;

/**
 * Reads the groups of an HDF5 file as h5py writes it by default: superblock 0 or 1, groups as symbol tables, datasets in one
 * piece. Time and memory are in proportion to the file, whatever it says.
 *
 * @throws FormatError for other layouts of HDF5 (chunks, compression, links, `libver="latest"`), and for damaged files.
 */
export function parseHdf5(bytes: Uint8Array, name: string): Group {
  const source = new Source(bytes, name);
  if (bytes.length < 96) return source.fail(`has ${bytes.length} bytes, expected an HDF5 file`);
  if (String.fromCharCode(...source.part(0, 8)) !== "\x89HDF\r\n\x1a\n") return source.fail("expected an HDF5 file");
  const version = source.u8(8);
  if (version > 1)
    return source.fail(`has a superblock of version ${version}, expected 0: h5py's default, which Keras uses`);
  if (source.u8(13) !== 8 || source.u8(14) !== 8) return source.fail("has addresses of other sizes than 8 bytes");
  const base = version === 0 ? 24 : 28;
  if (source.u64(base) !== 0) return source.fail("begins at another address than 0");
  const end = source.u64(base + 16);
  if (end > bytes.length) return source.fail(`is cut off: ${end} bytes are announced, ${bytes.length} are there`);
  const root = objectAt(new Visits(source), source.u64(base + 40), "", 0);
  return root.kind === "group" ? root : source.fail("is damaged: its root is no group");
}

/** The objects and nodes of a file that have been read: each has one place in its tree. */
class Visits {
  readonly source: Source;
  readonly #seen = new Set<number>();

  constructor(source: Source) {
    this.source = source;
  }

  once(address: number, what: string): void {
    if (this.#seen.has(address)) this.source.fail(`has ${what} in two places`);
    this.#seen.add(address);
  }
}

const named = (kind: string, path: string): string => (path ? `${kind} ${quoted(path)}` : "the root group");

function objectAt(visits: Visits, address: number, path: string, depth: number): Group | Dataset {
  const { source } = visits;
  const what = named("object", path);
  if (depth > deepest) return source.fail(`has groups within more than ${deepest} others`);
  visits.once(address, what);
  const messages = messagesAt(source, address, what);
  const attributes = attributesOf(source, messages, what);
  const table = messages.find(({ type }) => type === MESSAGE.table);
  if (!table) {
    if (messages.some(({ type }) => type === MESSAGE.layout)) return datasetOf(source, messages, path, attributes);
    return source.fail(`${what} has links to other files, or another layout of groups than h5py's default`);
  }
  const members = new Map<string, Group | Dataset>();
  for (const [name, at] of linksOf(visits, table, what))
    members.set(name, objectAt(visits, at, path ? `${path}/${name}` : name, depth + 1));
  return { kind: "group", path, attributes, members };
}

/** The members of a group by a B-tree and a local heap (III.A.1, III.B to III.D). */
function linksOf(visits: Visits, table: Message, what: string): Map<string, number> {
  const { source } = visits;
  const [tree, heap] = [source.u64(table.at), source.u64(table.at + 8)];
  source.expect("HEAP", heap, `the heap of ${what}`);
  const [namesSize, namesAt] = [source.u64(heap + 8), source.u64(heap + 24)];
  const links = new Map<string, number>();
  const leaf = (at: number): void => {
    visits.once(at, `a symbol table of ${what}`);
    source.expect("SNOD", at, `a symbol table of ${what}`);
    const count = source.u16(at + 6);
    for (let entry = at + 8; entry < at + 8 + 40 * count; entry += 40) {
      const name = nameAt(source, namesAt + source.u64(entry), namesAt + namesSize);
      if (source.u32(entry + 16) === 2) source.fail(`${what} has a link ${quoted(name)}, expected its content`);
      if (links.has(name)) source.fail(`${what} has two members of the name ${quoted(name)}`);
      links.set(name, source.u64(entry + 8));
    }
  };
  const node = (at: number, level: number | undefined): void => {
    visits.once(at, `a node of ${what}`);
    source.expect("TREE", at, `a node of ${what}`);
    const [kind, own, count] = [source.u8(at + 4), source.u8(at + 5), source.u16(at + 6)];
    if (kind !== 0 || (level !== undefined && own !== level))
      source.fail(`is damaged: ${what} has a node out of place`);
    for (let i = 0; i < count; i++) {
      const child = source.u64(at + 32 + 16 * i);
      if (own === 0) leaf(child);
      else node(child, own - 1);
    }
  };
  node(tree, undefined);
  return links;
}

/** Characters of a name at most. */
const longest = 4096;

/** A name that ends with a zero byte, before `end`. */
function nameAt(source: Source, at: number, end: number): string {
  const length = source.bytes.subarray(at, Math.min(end, at + longest)).indexOf(0);
  if (length < 0) return source.fail("is damaged: a name has no end");
  return source.text(at, length + 1);
}

function datasetOf(
  source: Source,
  messages: readonly Message[],
  path: string,
  attributes: Dataset["attributes"],
): Dataset {
  const read = (): SafetensorsTensor => {
    const what = named("dataset", path);
    const [space, type, layout] = [MESSAGE.dataspace, MESSAGE.datatype, MESSAGE.layout].map((wanted) =>
      messages.find((message) => message.type === wanted),
    );
    if (!space || !type || !layout) return source.fail(`is damaged: ${what} has no shape or no type`);
    const shape = shapeAt(source, space.at, what);
    const element = elementTypeAt(source, type.at, what);
    if (element.kind !== "number") return source.fail(`${what} has texts, expected numbers`);
    const size = countOf(shape) * element.bytes;
    const stored = size === 0 ? new Uint8Array(0) : contentOf(source, layout, what);
    if (stored.length !== size)
      return source.fail(`is damaged: ${what} is ${quoted(shape)} and has ${stored.length} bytes, expected ${size}`);
    // The copy begins where every type may.
    return {
      dtype: element.dtype,
      shape,
      data: new ARRAYS[element.dtype](new Uint8Array(stored).buffer),
    } as SafetensorsTensor;
  };
  return { kind: "dataset", path, attributes, read };
}

/** The bytes that a data layout message (IV.A.2.i) refers to. */
function contentOf(source: Source, { at, size }: Message, what: string): Uint8Array {
  const [version, layout] = [source.u8(at), source.u8(at + 1)];
  if (version !== 3 && version !== 4) return source.fail(`${what} has a layout of version ${version}, expected 3`);
  if (layout === 0) {
    const length = source.u16(at + 2);
    return length + 4 <= size
      ? source.part(at + 4, length)
      : source.fail(`is damaged: ${what} is longer than its place`);
  }
  if (layout === 1) return source.part(source.u64(at + 2), source.u64(at + 10));
  return source.fail(`${what} is stored in chunks, expected one piece, as Keras writes it`);
}
