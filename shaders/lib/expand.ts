import type { Accessor } from "./kernel.ts";

/**
 * Replaces accessor calls in a text. Arguments and results may contain further calls. An accessor that returns lines
 * must be called as a statement; if it returns none, the statement's line is removed.
 */
export function expand(text: string, accessors: Readonly<Record<string, Accessor>>): string {
  const call = /(?<![.\w])([A-Za-z_]\w*)\(/g;
  let done = "";
  let from = 0;
  for (let match = call.exec(text); match; match = call.exec(text)) {
    const accessor = Object.hasOwn(accessors, match[1]!) ? accessors[match[1]!] : undefined;
    if (!accessor) continue;
    const [args, end] = argumentsAt(text, call.lastIndex);
    const made = accessor(...args.map((arg) => expand(arg, accessors)));
    const indent = text.slice(text.lastIndexOf("\n", match.index) + 1, match.index).match(/^ */)![0];
    done += text.slice(from, match.index);
    if (typeof made === "string") {
      done += expand(made, accessors);
      from = end;
    } else {
      done += expand(made.join("\n"), accessors).replace(/\n(?=.)/g, `\n${indent}`);
      from = text[end] === ";" ? end + 1 : end;
      if (made.length === 0 && text[from] === "\n") {
        done = done.replace(/ *$/, "");
        from++;
      }
    }
    call.lastIndex = from;
  }
  return done + text.slice(from);
}

/** The arguments of a call, from after its opening parenthesis, and the position after the closing one. */
function argumentsAt(text: string, start: number): [args: string[], end: number] {
  const args: string[] = [];
  let from = start;
  let depth = 0;
  for (let at = start; ; at++) {
    const char = text[at];
    if (char === undefined) throw new Error(`expand: no end of the call at "${text.slice(start - 20, start + 20)}"`);
    if (char === "(" || char === "[") depth++;
    else if ((char === ")" || char === "]") && depth > 0) depth--;
    else if (depth === 0 && (char === "," || char === ")")) {
      const arg = text.slice(from, at).trim();
      if (arg !== "" || char === ",") args.push(arg);
      from = at + 1;
      if (char === ")") return [args, at + 1];
    }
  }
}
