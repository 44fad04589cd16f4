import { expose } from "comlink";
import { Bench } from "./bench.ts";

expose(new Bench());
// The page may call only now: until a file has run, a worker loses messages.
postMessage({ ready: Boolean(navigator.gpu) });
