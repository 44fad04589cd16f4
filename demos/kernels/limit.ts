/*
 * A kernel that loops for ever takes the GPU with it, in some browsers for all pages. So an edited kernel runs first with
 * a counter in each of its loops, which ends it.
 */

/** Most turns of loops in one invocation. */
const mostTurns = 2 ** 20;

/** Name of the binding that holds the line of a loop that was ended. */
const flag = "ended_loop";

/** Where a loop begins, where its body is, and the line of its keyword. */
interface Loop {
  readonly start: number;
  /** After the opening brace, and at the closing one. */
  readonly body: readonly [from: number, to: number];
  readonly line: number;
}

/** Comments become blanks, so that positions stay. */
export function withoutComments(wgsl: string): string {
  let [text, depth] = ["", 0];
  for (let i = 0; i < wgsl.length; i++) {
    const two = wgsl.slice(i, i + 2);
    if (depth === 0 && two === "//") {
      const end = wgsl.indexOf("\n", i);
      const length = (end < 0 ? wgsl.length : end) - i;
      text += " ".repeat(length);
      i += length - 1;
    } else if (two === "/*" || (depth > 0 && two === "*/")) {
      depth += two === "/*" ? 1 : -1;
      text += "  ";
      i++;
    } else text += depth > 0 && wgsl[i] !== "\n" ? " " : wgsl[i]!;
  }
  return text;
}

/** The position of the brace that closes the one at `open`. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return i;
  }
  return text.length;
}

function loopsOf(text: string): Loop[] {
  return [...text.matchAll(/\b(?:for|while|loop)\b/g)].flatMap(({ index: start }) => {
    const open = text.indexOf("{", start);
    if (open < 0) return [];
    return { start, body: [open + 1, closing(text, open)], line: text.slice(0, start).split("\n").length };
  });
}

/** Names of functions that wait for the other invocations of their workgroup, directly or through others. */
function waiting(text: string): RegExp {
  const names = ["workgroupBarrier", "storageBarrier", "textureBarrier", "workgroupUniformLoad"];
  const functions = [...text.matchAll(/\bfn\s+(\w+)/g)].map(({ 1: name, index }) => {
    const open = text.indexOf("{", index);
    return { name: name!, body: text.slice(open, closing(text, open)) };
  });
  const calls = () => new RegExp(`\\b(?:${names.join("|")})\\s*\\(`);
  for (let known = 0; known < names.length; ) {
    known = names.length;
    for (const { name, body } of functions) if (!names.includes(name) && calls().test(body)) names.push(name);
  }
  return calls();
}

/**
 * The same kernel, with loops that end after `most` turns and store their line at a binding of group 0. Lines stay where
 * they are.
 */
export function limited(wgsl: string, binding: number, most = mostTurns): string {
  const text = withoutComments(wgsl);
  const waits = waiting(text);
  const inserted: [at: number, what: string][] = [];
  for (const { start, body, line } of loopsOf(text)) {
    const stop = `atomicStore(&${flag}, ${line}u); break;`;
    if (waits.test(text.slice(...body))) {
      // All invocations must turn equally often, so each such loop has a count of its own, which the compiler can follow.
      const count = `turns_${start}`;
      inserted.push([start, `{ var ${count} = 0u; `]);
      inserted.push([body[0], ` ${count}++; if (${count} > ${most}u) { ${stop} }`]);
      inserted.push([body[1] + 1, " }"]);
    } else {
      // Where one loop was ended, the others need not go on.
      const ended = `(all_turns & 1023u) == 1u && atomicLoad(&${flag}) != 0u`;
      inserted.push([body[0], ` all_turns++; if (all_turns > ${most}u) { ${stop} } if (${ended}) { break; }`]);
    }
  }
  let result = wgsl;
  for (const [at, what] of inserted.sort(([a], [b]) => b - a)) result = result.slice(0, at) + what + result.slice(at);
  // Invocations of a quad may now leave a loop at different turns; only results of ended loops depend on that.
  const allowed = /\bsubgroups\b/.test(text) ? "diagnostic(off, subgroup_uniformity); " : "";
  return `${allowed}${result}
@group(0) @binding(${binding}) var<storage, read_write> ${flag}: atomic<u32>;
var<private> all_turns: u32;
`;
}
