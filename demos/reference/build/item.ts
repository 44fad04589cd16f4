import { escaped } from "../../course/build/highlight.ts";
import { htmlOf, textOf } from "./docs.ts";
import { type Comment, Kind, type Reflection } from "./reflection.ts";
import type { Item, Reference } from "./shelf.ts";
import { Types } from "./types.ts";

const source = "https://github.com/tilegrad/tilegrad/blob/main/";

/** What a reader calls a declaration. */
function kindOf({ kind, type, signatures }: Reflection): string {
  if (kind === Kind.class) return "class";
  if (kind === Kind.interface || kind === Kind.alias) return "type";
  if (kind === Kind.function || signatures || functionsOf(type)) return "function";
  return "constant";
}

/** The ways to call what a constant holds: ops are such constants. */
const functionsOf = (type: Reflection["type"]): readonly Reflection[] | undefined =>
  type?.type === "reflection" ? type.declaration.signatures : undefined;

/** Names of the library in the reference, as HTML. */
export class ItemPages {
  readonly #types: Types;
  readonly #reference: Reference;
  /** Where each class of errors is described. */
  readonly #errors: ReadonlyMap<string, string>;

  constructor(reference: Reference) {
    this.#reference = reference;
    this.#types = new Types(reference.hrefOf);
    const errors = reference.items.filter(({ name, isPublic }) => isPublic && /Error$/.test(name));
    this.#errors = new Map(errors.map(({ name, shelf, anchor }) => [name, `${shelf.name}.html#${anchor}`]));
  }

  html({ name, anchor, reflection, isPublic }: Item): string {
    const { sources, comment } = reflection;
    const calls = reflection.signatures ?? functionsOf(reflection.type);
    const body = calls ? this.calls(name, calls, comment) : this.shape(name, reflection) + this.comment(comment);
    const members = this.#reference.membersOf(reflection);
    const place = sources?.[0];
    const at = place
      ? `<a class="place" href="${source}${place.fileName}#L${place.line}">${place.fileName}:${place.line}</a>`
      : "";
    const note = isPublic
      ? ""
      : '<p class="note">No entry exports this name: it stands here because types above use it.</p>\n';
    return `<section class="item" id="${escaped(anchor)}">
<h2><a href="#${escaped(anchor)}">${escaped(name)}</a> <span>${kindOf(reflection)}</span></h2>
${at}
${note}${body}
${reflection.kind === Kind.class ? this.members(anchor, members) : this.fields(anchor, reflection)}
</section>`;
  }

  /** Every way to call a function, with what belongs to it. */
  calls(name: string, signatures: readonly Reflection[], comment?: Comment): string {
    return signatures
      .map((signature, i) => {
        const last = i === signatures.length - 1;
        const own = signature.comment ?? (last ? comment : undefined);
        // Overloads say what they share once.
        const isSaid = i > 0 && JSON.stringify(own?.summary) === JSON.stringify(signatures[i - 1]!.comment?.summary);
        const about = this.comment(isSaid && own ? { ...own, summary: [] } : own, signature.parameters);
        return `${pre(this.#types.signature(escaped(name), signature))}\n${about}`;
      })
      .join("\n");
  }

  /** The declaration of what is no function. */
  shape(name: string, { kind, type, typeParameters, extendedTypes, signatures }: Reflection): string {
    const head = escaped(name) + this.#types.typeParameters(typeParameters);
    const bases = extendedTypes?.length ? ` extends ${this.#types.list(extendedTypes)}` : "";
    if (kind === Kind.class) return pre(`class ${head}${bases}`);
    if (kind === Kind.interface) return signatures || bases || typeParameters ? pre(`interface ${head}${bases}`) : "";
    if (kind === Kind.alias) return isObject(type) ? "" : pre(`type ${head} = ${this.#types.html(type)}`);
    return pre(`${head}: ${this.#types.html(type)}`);
  }

  /** A docstring with its parameters, its result, its errors and its examples. */
  comment(comment: Comment | undefined, parameters: readonly Reflection[] = []): string {
    const tags = (tag: string) =>
      (comment?.blockTags ?? []).filter((each) => each.tag === tag).map(({ content }) => this.text(content));
    const said = parameters.flatMap(({ name, comment, type }) => {
      const text = comment ? this.text(comment.summary) : "";
      // Options without a name are a list of their own.
      const fields = isObject(type) ? (type as { declaration: Reflection }).declaration.children! : [];
      const written = name === "__namedParameters" ? "options" : name;
      return [
        ...(text ? [term(escaped(written), text)] : []),
        ...fields.map((field) =>
          term(`${written}.${this.#types.field(field)}`, this.text(docOf(field)?.summary ?? [])),
        ),
      ];
    });
    const list = (name: string, each: readonly string[]) =>
      each.length ? [term(`<em>${name}</em>`, each.map((text) => this.errors(text)).join("</dd><dd>"))] : [];
    const rest = [...said, ...list("returns", tags("@returns")), ...list("throws", tags("@throws"))];
    return [
      this.text(comment?.summary ?? []),
      ...(rest.length ? [`<dl>${rest.join("\n")}</dl>`] : []),
      ...tags("@remarks"),
      ...tags("@example"),
    ].join("\n");
  }

  text(pieces: Comment["summary"]): string {
    return htmlOf(textOf(pieces, this.#reference.hrefOf));
  }

  /** Names of errors lead to what they mean. */
  errors(html: string): string {
    return html.replace(/(<a\b.*?<\/a>)|\b([A-Z]\w*Error)\b/gs, (whole, _, name: string | undefined) => {
      const href = name === undefined ? undefined : this.#errors.get(name);
      return href ? `<a href="${href}">${name}</a>` : whole;
    });
  }

  /** The fields of a type, each with its docstring. */
  fields(anchor: string, { kind, type, children = [] }: Reflection): string {
    const fields =
      kind === Kind.interface
        ? children
        : isObject(type)
          ? (type as { declaration: Reflection }).declaration.children!
          : [];
    const each = fields
      .filter(({ inheritedFrom }) => !inheritedFrom)
      .map((field) => {
        const id = kind === Kind.interface ? ` id="${escaped(`${anchor}.${field.name}`)}"` : "";
        return term(this.#types.field(field), this.comment(docOf(field), field.signatures?.[0]?.parameters), id);
      });
    return each.length ? `<dl class="fields">${each.join("\n")}</dl>` : "";
  }

  /** The members of a class. */
  members(anchor: string, members: readonly Reflection[]): string {
    return members
      .map((member) => {
        const { kind, name, flags, signatures, sources } = member;
        if (kind === Kind.constructor && !signatures?.[0]?.comment) return "";
        const owner = flags.isStatic ? `${anchor}.` : "";
        const called = kind === Kind.constructor ? `new ${anchor}` : owner + name;
        const place = sources?.[0];
        const body = signatures
          ? this.calls(
              called,
              kind === Kind.constructor ? signatures.map((each) => ({ ...each, name: called })) : signatures,
            )
          : pre(
              `${flags.isReadonly || kind === Kind.accessor ? "readonly " : ""}${owner}${this.#types.field(member)}`,
            ) + this.comment(docOf(member));
        const at = place
          ? `<a class="place" href="${source}${place.fileName}#L${place.line}">${place.fileName}:${place.line}</a>`
          : "";
        return `<section class="member" id="${escaped(`${anchor}.${name}`)}">
<h3><a href="#${escaped(`${anchor}.${name}`)}">${escaped(called)}</a></h3>
${at}
${body}
</section>`;
      })
      .join("\n");
  }
}

/** The docstring of a member, which a method has on the way it is called. */
export const docOf = ({ comment, signatures, getSignature, type }: Reflection): Comment | undefined =>
  comment ??
  signatures?.find(({ comment }) => comment)?.comment ??
  getSignature?.comment ??
  functionsOf(type)?.[0]?.comment;

const isObject = (type: Reflection["type"]): boolean =>
  type?.type === "reflection" && !type.declaration.signatures && (type.declaration.children ?? []).length > 0;

const pre = (html: string): string => `<pre tabindex="0"><code>${html}</code></pre>`;

const term = (html: string, about: string, id = ""): string => `<dt${id}><code>${html}</code></dt><dd>${about}</dd>`;
