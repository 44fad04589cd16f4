import { Variable } from "../graph/tensor.ts";
import { isParts, kindOf, type Layer, type Model, recipeOf } from "../model/layers.ts";
import type { Parts } from "../nn/module.ts";
import { definitions } from "./definitions.ts";
import { layerRows } from "./layers.ts";
import { className, indented, isAttribute, tuple } from "./python.ts";
import { type Body, partsOf } from "./trace.ts";

/** Widest line of lists that stay on one line. */
const widest = 92;

/** Writes the classes of a model. */
export class Classes {
  readonly #bodies: ReadonlyMap<Layer, Body>;
  readonly #problems: Set<string>;
  /** Class names by the text of the class, and texts in the order of their use. */
  readonly #named = new Map<string, string>();
  readonly #texts: string[] = [];

  constructor(bodies: ReadonlyMap<Layer, Body>, problems: Set<string>) {
    this.#bodies = bodies;
    this.#problems = problems;
  }

  /** All classes of a model, which is `Model`, and the definitions that they need. */
  write(model: Model): string {
    const main = this.#main(model);
    const classes = [...this.#texts, main].join("\n\n\n");
    const needed = Object.entries(definitions).filter(([name]) => new RegExp(`\\b${name}\\(`).test(classes));
    return [...needed.map(([, text]) => text), classes].join("\n\n\n");
  }

  #main(model: Model): string {
    const isUsers = isParts(model) || this.#isUsers(model as Layer);
    if (isUsers) return this.#class("Model", partsOf(model), this.#bodies.get(model as Layer), "");
    const made = this.#make(model as Layer, "");
    // A class of its own in place of a call: `nn.Sequential(…)`.
    const base = made.slice(0, made.indexOf("("));
    const inner = made.slice(base.length);
    if (!/^(nn\.)?[A-Z]/.test(base)) this.#problems.add(`${base} as the whole model: put it into nn.sequential`);
    return `class Model(${base}):\n    def __init__(self):\n        super().__init__${inner.replaceAll("\n", "\n        ")}`;
  }

  #isUsers(layer: Layer): boolean {
    const kind = kindOf(recipeOf(layer)!);
    return kind !== "sequential" && !layerRows[kind];
  }

  /** The expression that makes a layer. */
  #make(layer: Layer, path: string): string {
    const recipe = recipeOf(layer)!;
    const kind = kindOf(recipe);
    const args = recipe[2] ?? [];
    const row = layerRows[kind];
    if (kind === "sequential") return this.#sequential(recipe[0] as Record<string, Layer>, path);
    if (row) {
      try {
        return row.make(args, layer);
      } catch (error) {
        this.#problems.add(`layer "${path}" (nn.${kind}): ${(error as Error).message}`);
        return `nn.${kind}()`;
      }
    }
    const words = kind === "module" ? (path.split(".").findLast((word) => !/^\d+$/.test(word)) ?? "part") : kind;
    return `${this.#user(layer, className(words), path)}()`;
  }

  /** Writes the class of a module of the user's, unless one like it is there. @returns its name. */
  #user(layer: Layer, wanted: string, path: string): string {
    const body = this.#bodies.get(layer);
    if (!body) {
      const isLayer = recipeOf(layer)![1]?.startsWith("nn.");
      const name = recipeOf(layer)![1];
      this.#problems.add(
        isLayer ? `layer "${path}" (${name})` : `module "${path}", which none of the functions given calls`,
      );
      return wanted;
    }
    const text = this.#class("?", recipeOf(layer)![0], body, path);
    const known = this.#named.get(text);
    if (known) return known;
    const taken = new Set(this.#named.values());
    let name = wanted === "Model" ? "Inner" : wanted;
    for (let n = 2; taken.has(name) || name in definitions; n++) name = `${wanted}${n}`;
    this.#named.set(text, name);
    this.#texts.push(text.replace("class ?(", `class ${name}(`));
    return name;
  }

  #class(name: string, parts: Parts, body: Body | undefined, path: string): string {
    const made = this.#members(parts, path);
    const init = ["def __init__(self):", ...["super().__init__()", ...made].map((line) => indented(line))].join("\n");
    const forward = body && ["def forward(self, x):", indented(functionLines(body))].join("\n");
    return `class ${name}(nn.Module${Array.isArray(parts) ? "List" : ""}):\n${[init, ...(forward ? [forward] : [])].map((text) => indented(text)).join("\n\n")}`;
  }

  /** The lines that make the parts of a module. */
  #members(parts: Parts, path: string): string[] {
    if (recipeOf(parts)) {
      this.#problems.add(`module "${path}", whose parts are another module: give them as an object, { inner }`);
      return [];
    }
    return membersOf(parts).map(([name, part]) => {
      const at = path ? `${path}.${name}` : name;
      this.#check(name, at);
      const target = /^\d+$/.test(name) ? undefined : `self.${name}`;
      if (part instanceof Variable && part.group !== "parameters")
        return `self.register_buffer("${name}", ${emptyOf(part)})`;
      const text = this.#part(part, at);
      return target ? `${target} = ${text}` : `self.append(${text})`;
    });
  }

  #part(part: Parts, path: string): string {
    if (part instanceof Variable) {
      if (part.group !== "parameters") this.#problems.add(`variable "${path}", which is no parameter, in a list`);
      return `nn.Parameter(${emptyOf(part)})`;
    }
    if (recipeOf(part)) return this.#make(part as Layer, path);
    const members = membersOf(part);
    const texts = members.map(([name, each]) => this.#part(each, `${path}.${name}`));
    const kind = members.every(([, each]) => each instanceof Variable) ? "Parameter" : "Module";
    if (kind === "Module" && members.some(([, each]) => each instanceof Variable))
      this.#problems.add(`"${path}", which holds both variables and modules`);
    if (Array.isArray(part)) return `nn.${kind}List(${bracketed(texts)})`;
    const pairs = members.map(([name], i) => `${JSON.stringify(name)}: ${texts[i]}`);
    return `nn.${kind}Dict(${bracketed(pairs, "{}")})`;
  }

  /** Notes a part whose name modules of PyTorch use themselves. */
  #check(name: string, path: string): void {
    if (isAttribute(name) || /^\d+$/.test(name)) return;
    this.#problems.add(`part "${path}", whose name PyTorch cannot give to an attribute`);
  }

  #sequential(parts: Readonly<Record<string, Layer>>, path: string): string {
    for (const name of Object.keys(parts)) this.#check(name, path ? `${path}.${name}` : name);
    const members = Object.entries(parts).map(
      ([name, layer]) => [name, this.#make(layer, path ? `${path}.${name}` : name)] as const,
    );
    if (members.every(([name], i) => name === `${i}`))
      return `nn.Sequential${bracketed(
        members.map(([, text]) => text),
        "()",
      )}`;
    const pairs = members.map(([name, text]) => tuple([JSON.stringify(name), text]));
    return `nn.Sequential(OrderedDict(${bracketed(pairs)}))`;
  }
}

const membersOf = (parts: Parts): [string, Parts][] =>
  parts instanceof Map ? [...parts] : (Object.entries(parts) as [string, Parts][]);

const emptyOf = ({ shape, dtype }: Variable): string =>
  `torch.empty(${tuple(shape.map(String))}${dtype === "f32" ? "" : ", dtype=torch.int64"})`;

/** Items on one line, or, if they are long, each on its own. */
function bracketed(items: readonly string[], [open, close]: string = "[]"): string {
  const line = `${open}${items.join(", ")}${close}`;
  if (line.length <= widest - 40 && !line.includes("\n")) return line;
  return `${open}\n${items.map((item) => indented(`${item},`)).join("\n")}\n${close}`;
}

/** A function's lines, with its return. @param names of results; a single one is returned as it is. */
export function functionLines({ lines, results }: Body, names?: readonly string[]): string {
  const value = names
    ? `{${results.map((text, i) => `${JSON.stringify(names[i])}: ${text}`).join(", ")}}`
    : results.join(", ");
  return [...lines, `return ${value}`].join("\n");
}
