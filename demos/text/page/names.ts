import type { Model } from "./settings.ts";

/** Names of networks. */
export const names: Readonly<Record<Model, string>> = {
  lstm: "LSTM",
  gru: "GRU",
  rnn: "Plain RNN",
  transformer: "Transformer",
};
