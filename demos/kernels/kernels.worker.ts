import { expose } from "comlink";
import { wanted } from "../parts/backend.ts";
import { Bench } from "./bench.ts";

expose(new Bench());
// The page may call only now: until a file has run, a worker loses messages.
postMessage({ ready: navigator.gpu !== undefined || wanted.backend !== "webgpu" });
