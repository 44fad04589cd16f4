import { fieldPlace, placesOf, strideOf, type Type, widthOf } from "../wgsl/types.ts";
import type { Arithmetic, Val } from "./arithmetic.ts";
import type { Access } from "./findings.ts";
import type { Register } from "./machine.ts";
import type { Memory } from "./memory.ts";

/**
 * Where a value is: registers, or words of memory, from `offset` on. What each invocation adds to it is in `dynamic`,
 * below 0 where an index is out of range.
 */
export interface Place {
  /** The variable's. */
  readonly name: string;
  readonly type: Type;
  readonly offset: number;
  readonly dynamic?: Register;
  readonly at: Memory | readonly Register[];
  /** Whether its registers never change. */
  readonly isSteady?: boolean;
  /** Of a component in memory: its vector. */
  readonly within?: Place;
}

export const isMemory = (at: Place["at"]): at is Memory => !Array.isArray(at);

/** The kinds of places within others: their type, how many there are, and how far apart. */
export function elementOf({ type, at }: Place): { of: Type; count: number; stride: number } | undefined {
  const inMemory = isMemory(at);
  if (type.kind === "vector") return { of: { kind: "scalar", of: type.of }, count: type.count, stride: 1 };
  if (type.kind === "matrix") {
    const of: Type = { kind: "vector", of: type.of, count: type.rows };
    return { of, count: type.columns, stride: inMemory ? strideOf(of) : type.rows };
  }
  if (type.kind === "array")
    return { of: type.of, count: type.count, stride: inMemory ? strideOf(type.of) : widthOf(type.of) };
  return undefined;
}

/** A field of a struct. */
export function fieldOf(place: Place, struct: Extract<Type, { kind: "struct" }>, name: string): Place {
  const type = struct.fields.get(name)!;
  if (isMemory(place.at)) return { ...place, type, offset: place.offset + fieldPlace(struct, name) };
  let before = 0;
  for (const [other, field] of struct.fields) {
    if (other === name) break;
    before += widthOf(field);
  }
  return { ...place, type, offset: place.offset + before };
}

/** An index that is out of range, as a number below 0. */
const outside = (index: number): number => -1 - (index < 0 ? 2 ** 33 + index : index);

/** Notes that an invocation has an index out of range. @param code what `outside` made of it. */
function strayed(
  { machine: m }: Arithmetic,
  { name, at }: Place,
  does: Access["does"],
  [lane, line, code]: readonly [number, number, number],
): void {
  const access = m.access(does, lane, line);
  const isRead = does === "reads";
  const isHarmless = isRead && isMemory(at) && !at.isShared;
  m.findings.add("bounds", name, `${line} ${does}`, () => ({
    kind: "bounds",
    name,
    index: -1 - code > 2 ** 32 ? -1 - code - 2 ** 33 : -1 - code,
    access,
    words: (who) =>
      `is out of range, and ${isRead ? "read" : "written"} by ${who}${isHarmless ? "; WebGPU gives it 0 or another element" : ""}`,
  }));
}

/** The place of an element. @param index where it is known. */
export function withIndex(
  to: Arithmetic,
  place: Place,
  index: { readonly known: number } | { readonly register: Register },
): Place {
  const { of, count, stride } = elementOf(place)!;
  const inner: Place = {
    ...place,
    type: of,
    ...(place.type.kind === "vector" && isMemory(place.at) && { within: place }),
  };
  if ("known" in index && index.known >= 0 && index.known < count)
    return { ...inner, offset: place.offset + index.known * stride };
  const m = to.machine;
  const at = "known" in index ? m.constant(index.known) : index.register;
  const { dynamic: base } = place;
  const [dynamic] = m.take(1) as [Register];
  to.emit(() => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) {
      const lane = active[i]!;
      const own = at[lane]!;
      const from = base ? base[lane]! : 0;
      if (own >= 0 && own < count) {
        dynamic[lane] = from < 0 ? from : from + own * stride;
        continue;
      }
      dynamic[lane] = from < 0 ? from : outside(own);
    }
  });
  return { ...inner, dynamic };
}

/** Reads a value. */
export function load(to: Arithmetic, place: Place, line: number): Val {
  const { type, offset, dynamic, at, isSteady } = place;
  const m = to.machine;
  if (!isMemory(at)) {
    const width = widthOf(type);
    if (!dynamic) return { type, parts: at.slice(offset, offset + width), ...(!isSteady && { isVariable: true }) };
    const parts = m.take(width);
    parts.forEach((out, k) => {
      to.emit(() => {
        const { active, n } = m;
        for (let i = 0; i < n; i++) {
          const lane = active[i]!;
          const own = dynamic[lane]!;
          if (own < 0) strayed(to, place, "reads", [lane, line, own]);
          out[lane] = own < 0 ? 0 : at[offset + own + k]![lane]!;
        }
      });
    });
    return { type, parts, isFresh: true };
  }
  const places = placesOf(type).map((word) => offset + word);
  const parts = m.take(places.length);
  const isAtomic = type.kind === "atomic";
  to.emit(() => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) {
      const lane = active[i]!;
      const from = dynamic ? dynamic[lane]! : 0;
      if (from < 0) {
        strayed(to, place, "reads", [lane, line, from]);
        for (const part of parts) part[lane] = at.stray;
        continue;
      }
      for (let k = 0; k < places.length; k++) {
        const word = from + places[k]!;
        if (!isAtomic) at.read(word, lane, line);
        parts[k]![lane] = at.values[word]!;
      }
    }
    at.bytesRead += n * places.length * at.wordBytes;
  });
  return { type: isAtomic ? { kind: "scalar", of: type.of } : type, parts, isFresh: true };
}

/** Writes a value, whose type is that of the place. */
export function store(to: Arithmetic, place: Place, { parts }: Val, line: number): void {
  const { type, offset, dynamic, at, within } = place;
  const m = to.machine;
  if (!isMemory(at)) {
    if (!dynamic) {
      to.move(at.slice(offset, offset + parts.length), parts);
      return;
    }
    parts.forEach((part, k) => {
      to.emit(() => {
        const { active, n } = m;
        for (let i = 0; i < n; i++) {
          const lane = active[i]!;
          const own = dynamic[lane]!;
          if (own < 0) strayed(to, place, "writes", [lane, line, own]);
          else at[offset + own + k]![lane] = part[lane]!;
        }
      });
    });
    return;
  }
  const places = placesOf(type).map((word) => offset + word);
  const vector = within && { from: within.dynamic, offset: within.offset, width: widthOf(within.type) };
  const isAtomic = type.kind === "atomic";
  to.emit(() => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) {
      const lane = active[i]!;
      const from = dynamic ? dynamic[lane]! : 0;
      if (from < 0) {
        strayed(to, place, "writes", [lane, line, from]);
        continue;
      }
      for (let k = 0; k < places.length; k++) {
        const word = from + places[k]!;
        if (!isAtomic) at.write(word, lane, line);
        at.values[word] = parts[k]![lane]!;
      }
      if (!vector) continue;
      const first = (vector.from ? vector.from[lane]! : 0) + vector.offset;
      for (let word = first; word < first + vector.width; word++)
        if (word !== from + places[0]!) at.write(word, lane, line, true);
    }
    at.bytesWritten += n * places.length * at.wordBytes;
  });
}

/** An atomic operation: what is there becomes something else, one invocation after the other. @returns what was there. */
export function update(
  to: Arithmetic,
  place: Place,
  becomes: (before: number, given: number, more: number) => number,
  [given, more]: readonly Register[],
  line: number,
): Register {
  const { offset, dynamic, at } = place;
  const m = to.machine;
  const [before] = m.take(1) as [Register];
  const memory = at as Memory;
  to.emit(() => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) {
      const lane = active[i]!;
      const from = dynamic ? dynamic[lane]! : 0;
      if (from < 0) {
        strayed(to, place, "writes", [lane, line, from]);
        continue;
      }
      const word = from + offset;
      before[lane] = memory.values[word]!;
      memory.values[word] = becomes(before[lane]!, given![lane]!, more ? more[lane]! : 0);
    }
    memory.bytesRead += n * memory.wordBytes;
    memory.bytesWritten += n * memory.wordBytes;
  });
  return before;
}
