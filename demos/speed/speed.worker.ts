import type { SuiteOptions } from "../../bench/measure/suite.ts";
import { Measuring } from "./measuring.ts";

const measuring = new Measuring((news) => postMessage(news));

addEventListener("message", ({ data }: MessageEvent<SuiteOptions>) => void measuring.measure(data));
