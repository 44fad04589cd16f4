import { firstSentence } from "../../reference/build/docs.ts";
import { docOf } from "../../reference/build/item.ts";
import type { Reference } from "../../reference/build/shelf.ts";
import type { Entry } from "../entry.ts";

/** What a search finds of the reference: each public name, and the members of classes. */
export function referenceEntries({ items, membersOf }: Reference): Omit<Entry, "id">[] {
  return items
    .filter(({ isPublic }) => isPublic)
    .flatMap(({ name, anchor, shelf, reflection }) => {
      const entry = (name: string, anchor: string, comment: ReturnType<typeof docOf>) =>
        ({
          kind: "reference",
          name,
          place: shelf.title,
          address: `reference/${shelf.name}.html#${anchor}`,
          terms: "",
          text: firstSentence(comment),
        }) as const;
      const methods = membersOf(reflection).filter((member) => member.signatures && member.name !== "constructor");
      return [
        entry(name, anchor, docOf(reflection)),
        ...methods.map((member) => entry(`${name}.${member.name}`, `${anchor}.${member.name}`, docOf(member))),
      ];
    });
}
