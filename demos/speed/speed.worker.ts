import type { SuiteOptions } from "../../bench/measure/suite.ts";
import { holdLock } from "../../src/worker/alive.ts";
import { Measuring } from "./measuring.ts";

const lock = holdLock().catch(() => undefined);
const measuring = new Measuring(async (news) => postMessage("ready" in news ? { ...news, lock: await lock } : news));

addEventListener("message", ({ data }: MessageEvent<SuiteOptions>) => void measuring.measure(data));
