import type { Accessor, Buffer, Constant, Kernel, Memory } from "./kernel.ts";

/** TEMPORARY: a kernel out of a text that was written whole. Goes when the last family declares its kernels. */
export function legacy(text: string): Kernel {
  const features = [...text.matchAll(/^enable (\w+);$/gm)].map(([, name]) => name!).filter((name) => name !== "f16");
  const types: Record<string, string> = Object.fromEntries(
    [...text.matchAll(/^alias (\w+) = (\w+);(?:.*)$/gm)].map(([, n, t]) => [n!, t!]),
  );
  const constants: Constant[] = [...text.matchAll(/^const (\w+) = (.*?);(?: \/\/ (.*))?$/gm)].map(
    ([, name, value, note]) => ({ name: name!, value: value!, note }),
  );
  const buffers: Buffer[] = [
    ...text.matchAll(/^@group\(0\) @binding\(\d+\) var<storage, (\w+)> (\w+): array<(\w+), (\d+)>;$/gm),
  ].map(([, access, name, type, length]) => ({
    name: name!,
    access: access as "read",
    type: type!,
    length: Number(length),
  }));
  const memory: Memory[] = [...text.matchAll(/^var<workgroup> (\w+): array<(\w+), (\d+)>;.*$/gm)].map(
    ([, name, type, length]) => ({ name: name!, type: type!, length: Number(length) }),
  );
  const entry = text.match(/@compute @workgroup_size\(([^)]*)\)\s*fn main\(((?:[^()]|\([^()]*\))*)\) \{\n/)!;
  const [x = 1, y = 1, z = 1] = entry[1]!.split(",").map(Number);
  const before = text.slice(0, entry.index!);
  const body = text
    .slice(entry.index! + entry[0].length)
    .replace(/\n\}\s*$/, "")
    .replace(/^ {2}/gm, "");
  const rest = before
    .replace(/^(enable|diagnostic|const|@group|var<workgroup>|alias \w+ = \w+;).*\n/gm, "")
    .split(/\n(?=(?:fn|struct|alias) |\/\/.*\n(?:fn|struct|alias) )/)
    .map((part) => part.trim())
    .filter((part) => /^(fn|struct|alias)\b/m.test(part));
  const written = buffers.filter(({ access }) => access === "read_write").map(({ name }) => name);
  const kernel: Kernel = {
    workgroup: [x, y, z],
    features,
    types,
    constants,
    buffers,
    memory,
    functions: rest.map((part) => storing(part, written)),
    body: storing(body, written),
  };
  return kernel;
}

export type { Accessor };

function storing(text: string, names: readonly string[]): string {
  let out = text;
  for (const name of names) {
    const start = new RegExp(`\\b${name}\\[`, "g");
    let done = "";
    let from = 0;
    for (let match = start.exec(out); match; match = start.exec(out)) {
      let end = start.lastIndex;
      for (let depth = 1; depth > 0; end++) depth += out[end] === "[" ? 1 : out[end] === "]" ? -1 : 0;
      if (!out.startsWith(" = ", end)) continue;
      const semicolon = out.indexOf(";", end);
      done += `${out.slice(from, match.index)}${name}_store(${out.slice(start.lastIndex, end - 1)}, ${out.slice(end + 3, semicolon)})`;
      from = semicolon;
      start.lastIndex = semicolon;
    }
    out = done + out.slice(from);
  }
  return out;
}
