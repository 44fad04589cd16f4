import { expand } from "./expand.ts";
import { aliases } from "./half.wgsl.ts";
import type { Accessor, Constants, Declaration, Kernel, Text } from "./kernel.ts";

/**
 * Simplifies text for readers: removes additions of zero, factors of one, and parentheses around single names. A sum's
 * term begins after `(`, `[`, `,`, `=` or `return`, or is added, and ends at a sign or at the end of its expression.
 */
function plain(text: string): string {
  let done = text;
  for (const [line, name] of text.matchAll(/^ *let (\w+) = 0u;\n/gm)) {
    const term = `${name}(?: \\* \\w+)?`;
    done = done
      .replace(line, "")
      .replace(new RegExp(`(?<=[([]|[,=] |return )${term} \\+ `, "g"), "")
      .replace(new RegExp(` \\+ ${term}(?=[)\\],;]| [-+] )`, "g"), "")
      .replace(new RegExp(`(?<![.\\w])${name}\\b`, "g"), "0u");
  }
  done = done
    .replace(/(?<=[([]|[,=] |return )0u \+ /g, "")
    .replace(/ \+ 0u(?=[)\],;]| [-+] )/g, "")
    .replace(/ [*/] 1u\b/g, "");
  return done.replace(/(?<![\w>]|\b(?:if|while|switch) )\((\w+)\)/g, "$1");
}

/** Builds a kernel from its declaration: combines the parts and expands their accessors. */
export function kernel({
  workgroup,
  width = 1,
  features = [],
  parts,
  constants = {},
  memory = [],
  functions = [],
  body,
}: Declaration): Kernel {
  const all = parts.filter((part) => part !== undefined);
  const accessors: Record<string, Accessor> = Object.assign({}, ...all.map((part) => part.accessors));
  const written = (text: Text): string =>
    typeof text === "string" ? plain(expand(text.trim(), accessors)) : text(width);
  return {
    workgroup: typeof workgroup === "number" ? [workgroup, 1, 1] : workgroup,
    features,
    types: aliases(width),
    constants: Object.entries(Object.assign({}, constants, ...all.map((part) => part.constants)) as Constants).map(
      ([name, [value, note]]) => ({ name, value: typeof value === "number" ? `${value}u` : value, note }),
    ),
    buffers: all.flatMap((part) => part.buffers ?? []),
    memory: [...all.flatMap((part) => part.memory ?? []), ...memory],
    functions: [...new Set([...all.flatMap((part) => part.functions ?? []), ...functions].map(written))],
    body: written(body),
    alone: all.some(({ alone }) => alone === true),
  };
}
