export { type Ids, type PadOptions, padSequences, type WindowOptions, windows } from "./sequences.ts";
export {
  type CharTokenizerOptions,
  charTokenizer,
  tokenizerFrom,
  type WordTokenizerOptions,
  wordTokenizer,
} from "./tokenizers.ts";
export type { EncodeOptions, SpecialToken, Splitting, Tokenizer, TokenizerState } from "./vocabulary.ts";
