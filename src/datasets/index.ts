export type { LoadingProgress } from "./fetched.ts";
export { houses } from "./houses.ts";
export type { LoadOptions } from "./load.ts";
export { type Digits, type Mnist, mnist } from "./mnist.ts";
export { mnistSample } from "./mnistSample.ts";
export { mobyDick } from "./mobyDick.ts";
export { penguins } from "./penguins.ts";
