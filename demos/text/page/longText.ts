import type { Field } from "../../parts/hash.ts";

/** A text of some length at most: its UTF-8 in base64, with the letters that addresses allow. */
export const longText = (most: number): Field<string> => ({
  initial: "",
  parse(text) {
    try {
      const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (byte) => byte.charCodeAt(0));
      const found = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      return found.length <= most ? found : undefined;
    } catch {
      return undefined;
    }
  },
  print(text) {
    const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte));
    return btoa(bytes.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  },
});
