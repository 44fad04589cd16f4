/**
 * What `JSON.parse` hides of an object: the order of its keys (an object puts keys such as "0" first) and keys that
 * occur twice (the last one wins).
 *
 * @param text valid JSON, an object.
 * @returns keys of the outermost object in the order of the text; `duplicate` is the first key that occurs twice in one
 *   object, at any depth.
 */
export function objectKeys(text: string): { readonly keys: string[]; readonly duplicate: string | undefined } {
  const keys: string[] = [];
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "{") open.push(new Set());
    else if (char === "[") open.push(undefined);
    else if (char === "}" || char === "]") open.pop();
    else if (char === '"') {
      const end = endOfString(text, i);
      if (isKey(text, end)) {
        const key = JSON.parse(text.slice(i, end)) as string;
        const seen = open.at(-1);
        if (seen?.has(key)) return { keys, duplicate: key };
        seen?.add(key);
        if (open.length === 1) keys.push(key);
      }
      i = end - 1;
    }
  }
  return { keys, duplicate: undefined };
}

/** The place after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i + 1;
}

function isKey(text: string, afterString: number): boolean {
  let i = afterString;
  while (" \t\r\n".includes(text.charAt(i)) && i < text.length) i++;
  return text[i] === ":";
}
