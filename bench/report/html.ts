import { build, type Rollup } from "vite";
import type { Result } from "../measure/result.ts";

/** The report on some results of one adapter: one file with its script and its data inside, which opens offline. */
export async function html(results: readonly Result[]): Promise<string> {
  // "<" would end the element that the data stand in.
  const data = JSON.stringify(results).replaceAll("<", "\\u003c");
  const script = (await bundle()).replaceAll("</script", "<\\/script");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tilegrad on ${quoted(results[0]!.adapter)}</title>
<link rel="icon" href="data:,">
<style>
body { max-width: 1000px; margin: 2rem auto; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: #222; }
h2 { margin-top: 3rem; border-top: 1px solid #ddd; padding-top: 1.5rem; }
h3 { margin: 2rem 0 0.5rem; }
p { max-width: 44rem; }
.chart { position: relative; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 2px 10px 2px 0; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th:nth-child(-n+3), td:nth-child(-n+3) { text-align: left; }
.chosen { font-weight: 600; }
.wrong { color: #b00020; }
.wide { overflow-x: auto; }
</style>
</head>
<body>
<h1>tilegrad on ${quoted(results[0]!.adapter)}</h1>
<main></main>
<script type="application/json" id="results">${data}</script>
<script>${script}</script>
</body>
</html>
`;
}

const quoted = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** The report's script with the plot library inside. */
async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      lib: { entry: new URL("charts.ts", import.meta.url).pathname, formats: ["iife"], name: "report" },
    },
  });
  const [{ output }] = built as [Rollup.RollupOutput];
  return output[0].code;
}
