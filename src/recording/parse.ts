import { FormatError, quoted } from "../errors.ts";
import {
  below,
  count,
  Fault,
  type Form,
  fail,
  fields,
  list,
  number,
  oneOf,
  text,
  typed,
  wants,
  whole,
} from "../forms.ts";
import { bytesPer, sizeOf } from "../graph/shape.ts";
import { format, type RecordedGraph, type Recording, version } from "./format.ts";

/*
 * A recording may come from anywhere, so all of it is checked before it is shown: first the form of each part, then that
 * what refers to a list by number is in it.
 */

const flag = /* @__PURE__ */ typed("boolean");
const amount: Form = /* @__PURE__ */ wants(
  "a number from 0",
  (value) => Number.isFinite(value) && (value as number) >= 0,
);
const above: Form = /* @__PURE__ */ wants(
  "a number above 0",
  (value) => Number.isFinite(value) && (value as number) > 0,
);
const orNull =
  (form: Form): Form =>
  (value, path) => {
    if (value !== null) form(value, path);
  };
const object: Form = /* @__PURE__ */ wants(
  "an object",
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
);
const shape = /* @__PURE__ */ list(whole(1));
const dtype = /* @__PURE__ */ oneOf("f32", "f16", "i32", "u32");

const choice = /* @__PURE__ */ fields({
  problem: text,
  chosen: text,
  by: oneOf("force", "measurement", "score"),
  variants: list(fields({ variant: text, "score?": number, "ms?": orNull(number), "lacks?": text })),
});

const nodeForm = /* @__PURE__ */ fields({
  op: text,
  "name?": text,
  layer: text,
  attrs: object,
  "before?": text,
  "after?": text,
  inputs: list(fields({ node: count, result: count })),
  results: list(
    fields({ shape, dtype, "tensor?": count, "strides?": list(whole(Number.MIN_SAFE_INTEGER)), "offset?": count }),
  ),
  from: list(count),
  "pointwise?": flag,
  "walk?": fields({ strides: list(whole(Number.MIN_SAFE_INTEGER)), offset: count }),
  "gradientOf?": count,
  "dispatch?": count,
});

const roots = /* @__PURE__ */ list(fields({ name: text, node: count, result: count }));

const form = /* @__PURE__ */ fields({
  format: text,
  version: count,
  date: text,
  adapter: fields({
    name: text,
    cpu: flag,
    features: list(text),
    limits: fields({ maxInvocations: count, maxWorkgroupBytes: count, maxStorageBuffers: count, maxBinding: count }),
  }),
  "ceilings?": fields({ gflops: above, gbPerSec: above, dispatchUs: amount }),
  outputs: list(fields({ name: text, tensor: count })),
  "graph?": fields({
    built: list(nodeForm),
    simplified: list(nodeForm),
    fused: list(nodeForm),
    lowered: list(nodeForm),
    roots: fields({ built: roots, simplified: roots, fused: roots }),
  }),
  dispatches: list(
    fields({
      label: text,
      layer: text,
      family: text,
      variant: text,
      source: text,
      choices: list(choice),
      workgroups: list(whole(1), 3),
      flops: amount,
      bytes: amount,
      wgsl: text,
      bindings: list(
        fields({
          role: text,
          access: oneOf("read", "read_write"),
          buffer: count,
          offset: count,
          size: count,
          reads: list(count),
          writes: list(count),
        }),
      ),
    }),
  ),
  timings: fields({
    encodeMs: amount,
    submitMs: amount,
    doneMs: amount,
    "gpu?": fields({ spans: list(list(number, 2)), resolutionMs: amount }),
  }),
  memory: fields({
    buffers: list(
      fields({
        role: text,
        kind: oneOf("input", "variable", "constant", "scratch"),
        bytes: count,
        first: count,
        last: orNull(count),
        slot: orNull(count),
        maker: orNull(count),
      }),
    ),
    slots: list(count),
    variables: count,
    inputs: count,
    constants: count,
    scratch: count,
    scratchUnshared: count,
    total: count,
    needed: list(count),
    peak: fields({ bytes: count, dispatch: count }),
  }),
  tensors: list(
    fields({
      name: text,
      kind: oneOf("input", "variable", "constant", "computed", "updated"),
      shape,
      dtype,
      layer: text,
      buffer: count,
      offset: count,
      dispatch: orNull(count),
      statistics: list(
        fields({
          min: number,
          max: number,
          mean: number,
          std: number,
          norm: number,
          zeros: count,
          nans: count,
          infinities: count,
          histogram: list(count),
        }),
      ),
      "values?": text,
    }),
  ),
  steps: list(count),
});

/**
 * Reads a recording from a file, whoever made it.
 * @param file the text of the file, or its parsed JSON.
 * @returns the recording, all of it checked.
 * @throws FormatError that names the first fault by its path, `dispatches[3].label is missing, …`, or says what the file
 * is instead.
 */
export function parseRecording(file: unknown): Recording {
  const parsed = typeof file === "string" ? json(file) : file;
  const told = Object(parsed).format;
  if (told !== format) {
    const found = told === undefined ? 'has no field "format"' : `has the format ${quoted(told)}`;
    throw new FormatError(`parseRecording: the file ${found}, expected "${format}", as program.record makes it`);
  }
  if (Object(parsed).version !== version) {
    const found = quoted(Object(parsed).version);
    throw new FormatError(`parseRecording: the recording has version ${found}, this tilegrad reads version ${version}`);
  }
  try {
    form(parsed, "");
    checkPlaces(parsed as Recording);
  } catch (error) {
    throw error instanceof Fault ? new FormatError(`parseRecording: ${error.message}`) : error;
  }
  return parsed as Recording;
}

function json(file: string): unknown {
  try {
    return JSON.parse(file);
  } catch (cause) {
    const found = file.trim() ? `begins with ${quoted(file.slice(0, 40))}` : "is empty";
    throw new FormatError(`parseRecording: the file ${found}, expected the JSON of a recording`, { cause });
  }
}

/** Everything that refers to something by number must refer to something that is there. */
function checkPlaces({ outputs, graph, dispatches, timings, memory, tensors, steps }: Recording): void {
  const { buffers, slots, needed, peak } = memory;
  const all = (list: readonly number[], length: number, path: string) =>
    list.forEach((at, i) => below(length, at, `${path}[${i}]`));
  const same = (length: number, path: string, of: string, expected: number) => {
    if (length !== expected) fail(path, `has ${length} entries, expected ${expected}, one for each of ${of}`);
  };
  if (steps.length === 0) fail("steps", "is empty, expected the number of each recorded step");
  outputs.forEach(({ tensor }, i) => below(tensors.length, tensor, `outputs[${i}].tensor`));
  dispatches.forEach(({ bindings }, i) => {
    bindings.forEach(({ buffer, reads, writes }, k) => {
      const path = `dispatches[${i}].bindings[${k}]`;
      below(buffers.length, buffer, `${path}.buffer`);
      all(reads, tensors.length, `${path}.reads`);
      all(writes, tensors.length, `${path}.writes`);
    });
  });
  if (timings.gpu) same(timings.gpu.spans.length, "timings.gpu.spans", "dispatches", dispatches.length);
  same(needed.length, "memory.needed", "dispatches", dispatches.length);
  below(Math.max(1, dispatches.length), peak.dispatch, "memory.peak.dispatch");
  buffers.forEach(({ first, last, slot, maker }, i) => {
    const path = `memory.buffers[${i}]`;
    const within = Math.max(1, dispatches.length);
    below(within, first, `${path}.first`);
    below(within, last ?? 0, `${path}.last`);
    if (slot !== null) below(slots.length, slot, `${path}.slot`);
    if (maker !== null) below(within, maker, `${path}.maker`);
  });
  tensors.forEach((tensor, i) => {
    const path = `tensors[${i}]`;
    below(buffers.length, tensor.buffer, `${path}.buffer`);
    if (tensor.dispatch !== null) below(dispatches.length, tensor.dispatch, `${path}.dispatch`);
    same(tensor.statistics.length, `${path}.statistics`, "steps", steps.length);
    tensor.statistics.forEach(({ histogram, min, max }, k) => {
      if (histogram.length > 0 && (min > max || !histogram.some((count) => count > 0)))
        fail(`${path}.statistics[${k}]`, "has a histogram, but no elements from min to max");
    });
    const bytes = tensor.values === undefined ? undefined : bytesIn(tensor.values);
    const expected = sizeOf(tensor.shape) * bytesPer(tensor.dtype);
    if (bytes !== undefined && bytes !== expected) fail(`${path}.values`, `holds ${bytes} bytes, expected ${expected}`);
  });
  if (graph) checkGraph(graph, dispatches.length, tensors.length);
}

/** Bytes of a base64 text; NaN for any other. */
const bytesIn = (text: string): number =>
  text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
    ? (text.length / 4) * 3 - (text.length - text.replace(/=+$/, "").length)
    : Number.NaN;

function checkGraph(graph: RecordedGraph, dispatches: number, tensors: number): void {
  const stages = ["built", "simplified", "fused", "lowered"] as const;
  stages.forEach((stage, s) => {
    const nodes = graph[stage];
    const before = s === 0 ? 0 : graph[stages[s - 1]!].length;
    nodes.forEach(({ inputs, results, from, gradientOf, dispatch }, i) => {
      const path = `graph.${stage}[${i}]`;
      inputs.forEach(({ node, result }, k) => {
        // Inputs come first, so that no node depends on itself.
        below(i, node, `${path}.inputs[${k}].node`);
        below(nodes[node]!.results.length, result, `${path}.inputs[${k}].result`);
      });
      results.forEach(
        ({ tensor }, k) => tensor !== undefined && below(tensors, tensor, `${path}.results[${k}].tensor`),
      );
      from.forEach((at, k) => below(before, at, `${path}.from[${k}]`));
      if (gradientOf !== undefined) below(nodes.length, gradientOf, `${path}.gradientOf`);
      if (dispatch !== undefined) below(dispatches, dispatch, `${path}.dispatch`);
    });
    if (stage === "lowered") return;
    graph.roots[stage].forEach(({ node, result }, i) => {
      const path = `graph.roots.${stage}[${i}]`;
      below(nodes.length, node, `${path}.node`);
      below(nodes[node]!.results.length, result, `${path}.result`);
    });
  });
}
