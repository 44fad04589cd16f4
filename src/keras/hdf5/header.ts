import type { Source } from "./source.ts";
import { countOf, elementTypeAt, shapeAt } from "./types.ts";

/** A message of an object's header: its type, and where its content is. */
export interface Message {
  readonly type: number;
  readonly at: number;
  readonly size: number;
}

/** Types of messages (IV.A.2). */
export const MESSAGE = { dataspace: 1, datatype: 3, layout: 8, attribute: 12, continuation: 16, table: 17 };

/** The messages of an object header of version 1 (IV.A.1.a). @param what the object is, for errors. */
export function messagesAt(source: Source, address: number, what: string): Message[] {
  const version = source.u8(address);
  if (version === 0x4f)
    return source.fail(`${what} is in the layout of libver="latest", expected h5py's default, which Keras uses`);
  if (version !== 1) return source.fail(`is damaged: ${what} has a header of version ${version}, expected 1`);
  const count = source.u16(address + 2);
  const messages: Message[] = [];
  const blocks = [{ at: address + 16, size: source.u32(address + 8) }];
  // Continuations append blocks while this runs.
  for (const block of blocks) {
    for (let at = block.at; at + 8 <= block.at + block.size && messages.length < count; ) {
      const message = { type: source.u16(at), at: at + 8, size: source.u16(at + 2) };
      if (message.at + message.size > block.at + block.size)
        return source.fail(`is damaged: ${what} has a message beyond the end of its header`);
      if (source.u8(at + 4) & 2) return source.fail(`${what} shares its type with other objects, which is not read`);
      if (message.type === MESSAGE.continuation)
        blocks.push({ at: source.u64(message.at), size: source.u64(message.at + 8) });
      messages.push(message);
      at = message.at + message.size;
    }
  }
  return messages;
}

/** The attributes of an object that are texts or lists of texts. */
export function attributesOf(
  source: Source,
  messages: readonly Message[],
  what: string,
): Map<string, string | readonly string[]> {
  const found = new Map<string, string | readonly string[]>();
  for (const message of messages) {
    if (message.type !== MESSAGE.attribute) continue;
    const { name, value } = attributeAt(source, message, what);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}

/** An attribute message (IV.A.2.m); its value is `undefined` unless it consists of texts. */
function attributeAt(
  source: Source,
  { at, size }: Message,
  what: string,
): { name: string; value: string | readonly string[] | undefined } {
  const version = source.u8(at);
  if (version < 1 || version > 3) return source.fail(`is damaged: ${what} has an attribute of version ${version}`);
  // In version 1, each part is padded to eight bytes.
  const room = (bytes: number): number => (version === 1 ? Math.ceil(bytes / 8) * 8 : bytes);
  const [nameSize, typeSize, spaceSize] = [2, 4, 6].map((field) => source.u16(at + field)) as [number, number, number];
  const nameAt = at + (version === 3 ? 9 : 8);
  const typeAt = nameAt + room(nameSize);
  const spaceAt = typeAt + room(typeSize);
  const dataAt = spaceAt + room(spaceSize);
  const name = source.text(nameAt, nameSize);
  const label = `attribute "${name}" of ${what}`;
  const type = elementTypeAt(source, typeAt, label);
  const shape = shapeAt(source, spaceAt, label);
  const count = countOf(shape);
  if (count === 0) return { name, value: [] };
  if (type.kind === "number") return { name, value: undefined };
  if (type.bytes < 1 || !(dataAt + count * type.bytes <= at + size))
    return source.fail(`is damaged: ${label} is longer than its place`);
  const texts = Array.from({ length: count }, (_, i) => {
    const from = dataAt + i * type.bytes;
    return type.kind === "text" ? source.text(from, type.bytes) : referredText(source, from, label);
  });
  return { name, value: shape.length === 0 ? texts[0] : texts };
}

/** A text of the global heap (III.E), by its length, the heap's address and its number there. */
function referredText(source: Source, at: number, what: string): string {
  const [length, heap, index] = [source.u32(at), source.u64(at + 4), source.u32(at + 12)];
  if (length === 0) return "";
  source.expect("GCOL", heap, `the text of ${what}`);
  const end = heap + source.u64(heap + 8);
  for (let object = heap + 16; object + 16 <= end; ) {
    const [number, size] = [source.u16(object), source.u64(object + 8)];
    if (number === index) return source.text(object + 16, Math.min(length, size));
    if (number === 0) break;
    object += 16 + Math.ceil(size / 8) * 8;
  }
  return source.fail(`is damaged: the text of ${what} is not where it should be`);
}
