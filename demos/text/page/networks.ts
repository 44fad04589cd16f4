import { type Engine, nn } from "../../../src/index.ts";
import { type CharacterModel, characterModel } from "../model.ts";
import type { Material } from "./material.ts";
import { type Predictor, statePredictor, windowPredictor } from "./predictor.ts";
import { heads, type Settings } from "./settings.ts";
import type { Transformer } from "./transformer.ts";

/** Size of a character's embedding vector, of recurrent networks. */
const embedding = 32;

export interface Network {
  readonly model: CharacterModel;
  /** The same, where it is a transformer. */
  readonly transformer: Transformer | undefined;
  predictor(engine: Engine): Promise<Predictor>;
}

/** Creates the network that settings ask for, with first weights by their seed. */
export async function networkOf(settings: Settings, { tokenizer, window, labels }: Material): Promise<Network> {
  const { model: kind, hidden, layers, seed, both } = settings;
  const { length } = window;
  const outputs = labels?.length ?? tokenizer.size;
  const bidirectional = labels !== undefined && both === 1;
  nn.seed(seed);
  if (kind !== "transformer") {
    const architecture = { cell: kind, embedding, hidden, layers, dropout: 0, bidirectional };
    const model = characterModel(tokenizer.size, architecture, outputs);
    return { model, transformer: undefined, predictor: (engine) => statePredictor(engine, model) };
  }
  // Its layers are loaded only with it.
  const { transformer } = await import("./transformer.ts");
  const model = transformer(tokenizer.size, {
    size: hidden,
    heads,
    blocks: layers,
    length,
    outputs,
    causal: !bidirectional,
  });
  return { model, transformer: model, predictor: (engine) => windowPredictor(engine, model, length) };
}
