/** tilegrad/keras: weights that Keras wrote, for tilegrad's layers. */

export { type KerasOptions, parseKerasWeights } from "./parse.ts";
