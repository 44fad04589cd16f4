import { refuse } from "../errors.ts";

/** Numbers that JSON cannot write become objects with this key. */
const key = "$number";

/** Its values. */
const written: readonly unknown[] = ["NaN", "Infinity", "-Infinity", "-0"];

/** A key of the data that looks like it gets one more $ in the text. */
const isLikeKey = /^\$+number$/;
const isEscaped = /^\$\$+number$/;

/**
 * JSON for plain data, with the numbers that JSON lacks: NaN, infinities and -0.
 * @throws AttributeError that names what is neither a number, text, truth value, null, list nor plain object.
 */
export function plainText(call: string, name: string, value: unknown): string {
  return JSON.stringify(checked(call, name, value, new Set()));
}

/** The value of a text by `plainText`. @throws SyntaxError for what is not JSON. */
export const plainValue = (text: string): unknown =>
  JSON.parse(text, (_, value) => {
    if (Object(value) !== value || Array.isArray(value)) return value;
    const names = Object.keys(value);
    if (names.length === 1 && written.includes(value[key])) return Number(value[key]);
    if (!names.some((name) => isEscaped.test(name))) return value;
    return Object.fromEntries(names.map((name) => [isEscaped.test(name) ? name.slice(1) : name, value[name]]));
  });

function checked(call: string, name: string, value: unknown, within: Set<unknown>): unknown {
  if (typeof value === "number")
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { [key]: Object.is(value, -0) ? "-0" : String(value) };
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  const isList = Array.isArray(value);
  const isPlain = isList || [Object.prototype, null].includes(Object.getPrototypeOf(Object(value)));
  if (!isPlain || typeof value !== "object" || within.has(value)) {
    refuse(call, name, value, within.has(value) ? "no circle" : "a number, text, list or plain object");
  }
  const inside = new Set([...within, value]);
  if (isList) return value.map((item, i) => checked(call, `${name}[${i}]`, item, inside));
  return Object.fromEntries(
    Object.entries(value).flatMap(([part, item]) =>
      item === undefined
        ? []
        : [[isLikeKey.test(part) ? `$${part}` : part, checked(call, `${name}.${part}`, item, inside)]],
    ),
  );
}
