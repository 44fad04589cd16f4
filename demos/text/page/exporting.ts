import { type Engine, permute, reshape, type Tensor } from "../../../src/index.ts";
import { exportOnnx } from "../../../src/onnx/export/export.ts";
import type { OnnxExportOptions, OnnxTensors } from "../../../src/onnx/index.ts";
import type { CharacterModel } from "../model.ts";
import type { Material } from "./material.ts";
import { readsSteps, type Settings } from "./settings.ts";

interface Exported {
  readonly inputs: NonNullable<OnnxExportOptions["inputs"]>;
  outputs(inputs: OnnxTensors): OnnxTensors;
}

/**
 * A network as an ONNX model for batches of any size: one step with states, or whole texts. Its metadata say which
 * characters its numbers stand for.
 */
export async function exported(
  engine: Engine,
  model: CharacterModel,
  settings: Settings,
  { tokenizer, start, labels, window }: Pick<Material, "tokenizer" | "start" | "labels" | "window">,
): Promise<Uint8Array<ArrayBuffer>> {
  const { inputs, outputs } = readsSteps(settings) ? stepOf(model) : windowOf(model, window.length);
  const metadata = {
    characters: JSON.stringify(tokenizer.state.tokens),
    start: String(start),
    ...(labels && { labels: JSON.stringify(labels) }),
  };
  return (await exportOnnx(engine, outputs, { inputs, model: model.weights, metadata })).bytes;
}

/** Reads a character after others, which the states stand for. */
function stepOf(model: CharacterModel): Exported {
  // tilegrad has the batch in the middle, `[layers, batch, units]`.
  const turned = (state: Tensor): Tensor => permute(state, [1, 0, 2]);
  const states = model.states(1, "first").map(({ name, shape: [layers, , units] }) => ({
    name: name.replace("first.", ""),
    sample: [layers!, units!],
  }));
  return {
    inputs: {
      character: { shape: [], dtype: "i32" },
      ...Object.fromEntries(states.map(({ name, sample }) => [name, sample])),
    },
    outputs(inputs) {
      const { logits, states: after } = model.read(
        reshape(inputs["character"]!, [1, -1]),
        states.map(({ name }) => turned(inputs[name]!)),
      );
      const next = states.map(({ name }, i) => [`next${name.toUpperCase()}`, turned(after[i]!)] as const);
      return { logits, ...Object.fromEntries(next) };
    },
  };
}

/** Reads whole texts of one length. */
function windowOf(model: CharacterModel, length: number): Exported {
  return {
    inputs: { characters: { shape: [length], dtype: "i32" } },
    outputs({ characters }) {
      const [batch] = characters!.shape;
      const { logits } = model.read(permute(characters!, [1, 0]), []);
      return { logits: permute(reshape(logits, [length, batch!, -1]), [1, 0, 2]) };
    },
  };
}
