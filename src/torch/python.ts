/** An expression in Python. `level` says how tightly it binds: 0 a name or call, 1 a sign or power, 2 a product, 3 a sum, 4 a comparison. */
export interface Expression {
  readonly text: string;
  readonly level: number;
  /** Whether it is a tensor of truth values. Comparisons are, where tilegrad has ones and zeros. */
  readonly isBool?: boolean;
}

/** A name, a call, or a number from 0. */
export const atom = (text: string): Expression => ({ text, level: 0 });

/** The text of an expression as an operand of another one, which binds at `level`: in parentheses where it must be. */
export const operand = ({ text, level }: Expression, within: number): string => (level > within ? `(${text})` : text);

/** A number as Python writes it. */
export function number(value: number): string {
  if (Number.isNaN(value)) return 'float("nan")';
  if (!Number.isFinite(value)) return value > 0 ? 'float("inf")' : '-float("inf")';
  return String(value).replace(/e\+?(-?)(\d+)/, "e$1$2");
}

/** A float: with a point, so that PyTorch does not take it for an integer. */
export const float = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e16 ? `${Object.is(value, -0) ? "-0" : value}.0` : number(value);

/** A value of an option: truth values, numbers, texts, `undefined` as None, lists as tuples. */
export function literal(value: unknown): string {
  if (value === undefined || value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return number(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (!Array.isArray(value)) return String(value);
  return tuple(value.map(literal));
}

/** Expressions as a tuple. */
export const tuple = (items: readonly string[]): string =>
  items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;

/** Sizes as arguments: `reshape(2, 3)`, and `reshape(())` for a single number. */
export const sizeArguments = (sizes: readonly string[]): string => (sizes.length === 0 ? "()" : sizes.join(", "));

/** A call, with options that differ from PyTorch's defaults by their names. */
export const call = (
  name: string,
  args: readonly unknown[],
  options: readonly (readonly [string, unknown, unknown])[] = [],
) =>
  `${name}(${[
    ...args.map(literal),
    ...options.flatMap(([key, value, usual]) =>
      literal(value) === literal(usual) ? [] : [`${key}=${literal(value)}`],
    ),
  ].join(", ")})`;

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

/** Python's words. */
const keywords = /* @__PURE__ */ words(
  "False None True and as assert async await break class continue def del elif else except finally for from global if " +
    "import in is lambda nonlocal not or pass raise return try while with yield",
);

/** Names that the generated text uses itself. */
const used = /* @__PURE__ */ words(
  "match case type print float int bool len self model torch nn F build Model OrderedDict weights",
);

/** Whether a text may be a name in Python that means nothing else here. */
export const isName = (text: string): boolean => /^[A-Za-z_]\w*$/.test(text) && !keywords.has(text) && !used.has(text);

/** Attributes that nn.Module has itself. */
const ofModule = /* @__PURE__ */ words(
  "add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval extra_repr " +
    "float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules " +
    "named_buffers named_children named_modules named_parameters parameters register_buffer register_module " +
    "register_parameter requires_grad_ set_extra_state share_memory state_dict to to_empty train training type xpu " +
    "zero_grad T",
);

/** Whether a module may have a part of this name: `self.name`. */
export const isAttribute = (text: string): boolean =>
  /^[A-Za-z_]\w*$/.test(text) && !keywords.has(text) && !ofModule.has(text) && !text.startsWith("__");

/** Indents all lines of a text that are not empty. */
export const indented = (text: string, by = 4): string => text.replace(/^(?=.)/gm, " ".repeat(by));

/** A class name of some words: "conv block" → ConvBlock. */
export const className = (text: string): string => {
  const name = text.replace(/[^A-Za-z0-9]+(.)?/g, (_, next: string = "") => next.toUpperCase());
  return /^[A-Za-z]/.test(name) ? name[0]!.toUpperCase() + name.slice(1) : `Part${name}`;
};
