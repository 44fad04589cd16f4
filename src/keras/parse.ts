import { type Bytes, bytesOf } from "../data/bytes.ts";
import { unzip } from "../data/npy/zip.ts";
import { AttributeError, checkNumber, FormatError, listed, optionsOf, quoted } from "../errors.ts";
import type { SafetensorsTensor } from "../io/dtypes.ts";
import { parseHdf5 } from "./hdf5/file.ts";
import { converted, isDense } from "./layers.ts";
import { isNamed, namedLayers } from "./named.ts";
import { isNumbered, numberedLayers } from "./numbered.ts";
import { type LayerNode, layerNode, type SavedLayer } from "./saved.ts";

/** How to read Keras's weights. */
export interface KerasOptions {
  /** What errors call the file; default "Keras file". */
  readonly name?: string;
  /** Bytes that the unpacked file may take; default 4 GiB. */
  readonly maxBytes?: number;
  /**
   * The Dense layers that read a flattened image, by name, each with the shape that Flatten got in Keras, without the
   * batch: `{ dense: [7, 7, 64] }` for height, width and channels. Their inputs come into the order in which `nn.flatten`
   * gives an image with channels first. Default: none.
   */
  readonly flatten?: Readonly<Record<string, readonly number[]>>;
}

type Fail = (fault: string) => never;

/**
 * The weights of a file that Keras wrote, under the names and in the layouts of tilegrad's layers: a `.keras` file, a
 * `.weights.h5` file, or an `.h5` file of `save` or `save_weights`. Names are those of `model.summary()`, then that of
 * the variable: "conv2d.weight", "lstm.weight_ih_l0", "encoder.dense.bias". Optimizers are left out. Load the result by
 * `io.loadSafetensors(engine, model, io.serializeSafetensors(tensors))`.
 *
 * Read are Dense, Conv1D, Conv2D, their transposed, depthwise and separable kin, BatchNormalization, LayerNormalization,
 * GroupNormalization, Embedding, LSTM, GRU, SimpleRNN, their cells, and Bidirectional. Variables of other layers are there
 * as Keras has them, under its names or numbers: "normalization.0". A `.weights.h5` file does not tell the classes of layers
 * that are attributes of a model of one's own: they are known as long as they have the names that Keras gave them, "dense_3".
 *
 * Takes memory in proportion to the unpacked file: a copy of it, and its weights once or twice.
 *
 * @param bytes the whole file.
 * @throws FormatError with the fault, for damaged files, and for layers that compute something else than tilegrad's;
 * LimitError for a file that unpacks to more than `maxBytes`; AttributeError for a name in `flatten` that no Dense has.
 */
export function parseKerasWeights(bytes: Bytes, options: KerasOptions = {}): Map<string, SafetensorsTensor> {
  const { name, maxBytes, flatten } = optionsOf("parseKerasWeights", options, {
    name: "Keras file",
    maxBytes: 2 ** 32,
    flatten: {},
  });
  checkNumber("parseKerasWeights", "maxBytes", maxBytes, "a number from 0", (n) => n >= 0);
  const fail: Fail = (fault) => {
    throw new FormatError(`${name}: ${fault}`);
  };
  const layers = layersOf(bytesOf(bytes, name), name, maxBytes, fail);
  const images = new Map(Object.entries(flatten));
  const dense = layers.filter(isDense).map((layer) => layer.name);
  for (const each of images.keys())
    if (!dense.includes(each))
      throw new AttributeError(
        `parseKerasWeights: flatten names ${quoted(each)}, ${name} has the Dense layers ${listed(dense)}`,
      );
  const tensors = new Map<string, SafetensorsTensor>();
  for (const layer of layers) {
    for (const [variable, tensor] of converted(layer, images.get(layer.name), fail)) {
      const key = layer.name ? `${layer.name}.${variable}` : variable;
      if (tensors.has(key)) return fail(`has two variables ${quoted(key)}`);
      tensors.set(key, tensor);
    }
  }
  return tensors;
}

/** The layers of a file of any kind. */
function layersOf(bytes: Uint8Array, name: string, maxBytes: number, fail: Fail): SavedLayer[] {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const files = isZip ? unzip(bytes, name, maxBytes) : new Map([["model.weights.h5", bytes]]);
  const weights = files.get("model.weights.h5");
  if (!weights) return fail("has no model.weights.h5, expected a file that model.save wrote");
  const root = parseHdf5(weights, isZip ? `${name}: model.weights.h5` : name);
  const config = files.get("config.json");
  const written = config ? new TextDecoder().decode(config) : root.attributes.get("model_config");
  const model = typeof written === "string" ? modelOf(written, fail) : undefined;
  const named = root.members.get("model_weights") ?? root;
  if (named.kind === "group" && isNamed(named)) return namedLayers(named, model, fail);
  return isNumbered(root)
    ? numberedLayers(root, model)
    : fail("is an HDF5 file, but has no layers as Keras writes them");
}

/** The model that a configuration in JSON describes. */
function modelOf(text: string, fail: Fail): LayerNode | undefined {
  try {
    return layerNode(JSON.parse(text));
  } catch (error) {
    return fail(`its configuration is not JSON: ${(error as Error).message}`);
  }
}
