/*
 * Damaged copies of valid files, the same on every run, to test readers of untrusted files.
 */

/** The next number of a sequence, from 0 to below `below`. */
export type Draw = (below: number) => number;

/** A sequence of numbers that depends only on its seed (mulberry32). */
export function sequence(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const one = <T>(draw: Draw, things: readonly T[]): T => things[draw(things.length)]!;

/** Replacements for a number, a text, a list or an object. */
const foreign: readonly unknown[] = [
  null,
  true,
  "",
  "x",
  0,
  -1,
  1,
  0.5,
  255,
  256,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e300,
  [],
  {},
  [0],
  [[[]]],
  { constructor: { name: {} } },
  JSON.parse('{ "__proto__": 1 }'),
];

/** JSON with one fault, and its position. */
export interface Mutant {
  readonly value: unknown;
  readonly at: string;
}

/** A JSON object with one part replaced, dropped, duplicated, renamed or moved. Shares unchanged parts. */
export function mutant(original: object, draw: Draw): Mutant {
  const value = copied(original);
  // Walk down one step at a time, so that deep parts change as often as items of long lists.
  let parent = value;
  let key = one(draw, Object.keys(parent));
  const path = [key];
  while (draw(8) > 0) {
    const child = parent[key];
    if (typeof child !== "object" || child === null || Object.keys(child).length === 0) break;
    parent[key] = copied(child);
    parent = parent[key] as Record<string, unknown>;
    key = one(draw, Object.keys(parent));
    path.push(key);
  }
  const how = change(parent, key, draw);
  return { value, at: `${path.join(".")}: ${how}` };
}

const copied = (value: object): Record<string, unknown> =>
  (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;

function change(parent: Record<string, unknown>, key: string, draw: Draw): string {
  const child = parent[key];
  const kind = draw(6);
  if (kind === 0) {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
    return "dropped";
  }
  if (kind === 1 && Array.isArray(parent)) {
    parent.splice(Number(key), 0, child);
    return "doubled";
  }
  if (kind === 1) {
    delete parent[key];
    parent[`${key}x`] = child;
    return "renamed";
  }
  if (kind === 2) {
    const other = one(draw, Object.keys(parent));
    [parent[key], parent[other]] = [parent[other], child];
    return `exchanged with ${other}`;
  }
  if (typeof child === "number" && kind < 5) {
    parent[key] = one(draw, [
      child + 1,
      child - 1,
      child * 2,
      child / 2,
      -child,
      child + 4,
      child + 256,
      child * 2 ** 16,
    ]);
    return `${child} → ${parent[key]}`;
  }
  if (typeof child === "string" && kind < 5) {
    const at = draw(child.length + 1);
    parent[key] = one(draw, [child.slice(0, at), child.slice(at), `${child.slice(0, at)}~${child.slice(at)}`]);
    return `text changed at ${at}`;
  }
  parent[key] = structuredClone(one(draw, foreign));
  return `replaced by ${JSON.stringify(parent[key])}`;
}

/** Bytes with one to three of them changed, dropped or duplicated. */
export function damaged(original: Uint8Array, draw: Draw): Uint8Array {
  let bytes = original.slice();
  for (let n = draw(3); n >= 0; n--) {
    const at = draw(bytes.length);
    const kind = draw(4);
    if (kind === 0) bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1)]);
    else if (kind === 1) bytes = Uint8Array.from([...bytes.subarray(0, at), bytes[at]!, ...bytes.subarray(at)]);
    else if (kind === 2) bytes[at] = draw(256);
    else bytes[at]! ^= 1 << draw(8);
  }
  return bytes;
}
