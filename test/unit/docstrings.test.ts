import { describe, expect, test } from "vitest";
import { textOf } from "../../demos/reference/build/docs.ts";
import { docOf } from "../../demos/reference/build/item.ts";
import { type Comment, Kind, type Reflection } from "../../demos/reference/build/reflection.ts";
import { readReference } from "../../demos/reference/build/shelf.ts";

/* What can be checked of docstrings without reading them. Typedoc finds them: the first run takes half a minute. */

const { items } = await readReference();
const own = items.filter(({ isPublic }) => isPublic);

const placeOf = ({ sources }: Reflection): string => `${sources?.[0]?.fileName}:${sources?.[0]?.line}`;
const wordsOf = (comment: Comment | undefined): string =>
  [comment?.summary, ...(comment?.blockTags ?? []).map(({ content }) => content)]
    .map((pieces) => textOf(pieces ?? []))
    .join(" ");

/** The fields of a type, without those of the types that it extends. */
function fieldsOf({ kind, children = [], type }: Reflection): readonly Reflection[] {
  const all = kind === Kind.interface ? children : type?.type === "reflection" ? (type.declaration.children ?? []) : [];
  return all.filter(({ inheritedFrom }) => !inheritedFrom);
}

describe("docstrings", () => {
  test("every public name has one", () => {
    const bare = own.filter(({ reflection }) => wordsOf(docOf(reflection)).trim() === "");
    expect(bare.map(({ name, reflection }) => `${name} ${placeOf(reflection)}`)).toEqual([]);
  });

  const options = own.filter(({ name }) => name.endsWith("Options"));

  test("every field of options has one, which states the default where the field may be left out", () => {
    expect(options.length).toBeGreaterThan(60);
    const silent = options.flatMap(({ name, reflection }) =>
      fieldsOf(reflection)
        .filter((field) => {
          const words = wordsOf(docOf(field));
          return words.trim() === "" || (field.flags.isOptional && !/default|without it/i.test(words));
        })
        .map((field) => `${name}.${field.name} ${placeOf(field)}`),
    );
    expect(silent).toEqual([]);
  });

  test("ops, layers, losses and optimizers speak of the parameters that have defaults", () => {
    const rooms = /^(ops-.*|nn|losses|optim)$/;
    const silent = own
      .filter(({ shelf }) => rooms.test(shelf.name))
      .flatMap(({ name, reflection }) =>
        (reflection.signatures ?? []).flatMap(({ comment, parameters = [], sources }) =>
          parameters
            .filter(({ defaultValue }) => defaultValue !== undefined && defaultValue !== "{}")
            .filter((parameter) => {
              const words = `${wordsOf(comment)} ${wordsOf(parameter.comment)}`;
              return !/default/i.test(words) && !words.includes(parameter.defaultValue!);
            })
            .map((parameter) => `${name}: ${parameter.name} = ${parameter.defaultValue} ${sources?.[0]?.fileName}`),
        ),
      );
    expect(silent).toEqual([]);
  });
});
