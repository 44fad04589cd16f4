import { quoted } from "../../errors.ts";
import { elementTypes, type NpyDType } from "./elements.ts";

/** What the header of an npy file says. */
export interface NpyHeader {
  readonly dtype: NpyDType;
  readonly bigEndian: boolean;
  /** Whether the first axis runs fastest (Fortran's order), not the last. */
  readonly fortran: boolean;
  readonly shape: number[];
}

type Fail = (fault: string) => never;

/** A key of the dictionary and its value: a text, a list (of fields of a record), True, False or a tuple of integers. */
const item = /\s*'(\w+)'\s*:\s*('[^']*'|\[.*\]|True|False|\([\d\s,L]*\))\s*(?:,|(?=\}))/y;

/**
 * Reads the header's dictionary, as Python prints it: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
 * @param fail called with the fault; must throw.
 */
export function parseHeader(text: string, fail: Fail): NpyHeader {
  const values = new Map<string, string>();
  let at = text.startsWith("{") ? 1 : text.length;
  for (;;) {
    item.lastIndex = at;
    const [whole, key, value] = item.exec(text) ?? [];
    if (!whole || values.has(key!)) break;
    values.set(key!, value!);
    at += whole.length;
  }
  const [descr, order, shape] = ["descr", "fortran_order", "shape"].map((key) => values.get(key) ?? "");
  const isComplete = values.size === 3 && text.slice(at).trim() === "}";
  if (!isComplete || !/^['[]/.test(descr!) || !/^(True|False)$/.test(order!) || !shape!.startsWith("(")) {
    return fail(
      `the header is ${quoted(text.trim())}, expected { 'descr', 'fortran_order', 'shape' } as NumPy writes it`,
    );
  }
  const sizes = [...shape!.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  if (sizes.length > 64) return fail(`has ${sizes.length} axes, NumPy allows 64`);
  return { ...elementOf(descr!, fail), fortran: order === "True", shape: sizes };
}

/** Element type and byte order of a description such as '<f4'. */
function elementOf(descr: string, fail: Fail): { dtype: NpyDType; bigEndian: boolean } {
  const [, order, code] = /^'([<>|=])(\w+)'$/.exec(descr) ?? [];
  const dtype = (Object.keys(elementTypes) as NpyDType[]).find((name) => elementTypes[name].code === code);
  if (dtype && (order !== "|" || code!.endsWith("1"))) return { dtype, bigEndian: order === ">" };
  return fail(`has elements of type ${quoted(descr)}, ${kindOf(descr)}; expected booleans, integers or real numbers`);
}

function kindOf(descr: string): string {
  if (descr.startsWith("[")) return "records";
  const kinds: Readonly<Record<string, string>> = {
    O: "Python objects, which only Python can read",
    U: "texts",
    S: "bytes",
    c: "complex numbers",
    M: "dates",
    m: "durations",
    V: "raw memory",
    f: "floats of an unusual size",
  };
  return kinds[descr[2] ?? ""] ?? "which is unknown";
}
