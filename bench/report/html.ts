import { build, type Rollup } from "vite";
import type { Result } from "../measure/result.ts";

/** The report on some results of one adapter: one file that includes its script and data and opens offline. */
export async function html(results: readonly Result[]): Promise<string> {
  // "<" would end the element around the data.
  const data = JSON.stringify(results).replaceAll("<", "\\u003c");
  const script = (await bundle()).replaceAll("</script", "<\\/script");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tilegrad on ${quoted(results[0]!.adapter)}</title>
<link rel="icon" href="data:,">
<meta name="color-scheme" content="light dark">
<style>
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #222; --soft: #666; --line: #ddd; --bar: #b8c4f0; --chosen: #2546c7; --fault: #b00020; --warning: #8a4b00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181c; --ink: #e8e6e1; --soft: #a09f9b; --line: #34373d; --bar: #44527f; --chosen: #93b4ff; --fault: #ff8a80; --warning: #ffb86b;
  }
}
body { max-width: 1000px; margin: 2rem auto; padding: 0 1rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
h3 { margin: 2rem 0 0.5rem; font-size: 1.2rem; }
h4 { margin: 1.75rem 0 0.25rem; font-size: 1rem; }
h5 { margin: 0.9rem 0 0.25rem; color: var(--soft); font-size: 0.9rem; font-weight: 500; overflow-wrap: anywhere; }
p { max-width: 44rem; }
.notes { max-width: 60rem; padding-left: 1.2rem; overflow-wrap: anywhere; }
.warning { color: var(--warning); }
.hint { columns: 24rem; }
.hint li { break-inside: avoid; font-size: 0.9em; }
.fault, .wrong { color: var(--fault); }
.chart { position: relative; }
.bars { margin: 0; padding: 0; list-style: none; font-size: 13px; font-variant-numeric: tabular-nums; }
.bars li { display: grid; grid-template-columns: 6.5rem minmax(2rem, 1fr) 4.5rem 5.5rem 8rem; gap: 0 0.6rem; align-items: center; }
.bars b { font-weight: 400; }
.bars .chosen b { font-weight: 600; }
.bars i { height: 0.8rem; background: linear-gradient(var(--bar) 0 0) no-repeat 0 0 / calc(100% * var(--share)) 100%, color-mix(in srgb, var(--line) 35%, transparent); border-radius: 2px; forced-color-adjust: none; }
.bars .chosen i { background-image: linear-gradient(var(--chosen) 0 0); }
.bars span { text-align: right; white-space: nowrap; }
.bars em { grid-column: 2 / -1; font-style: normal; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 2px 10px 2px 0; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.left { text-align: left; }
tr.chosen { font-weight: 600; }
.wide { overflow-x: auto; }
@media (max-width: 640px) {
  .bars li { grid-template-columns: 5.5rem minmax(1.5rem, 1fr) 4rem 4.75rem; }
  .bars li span:last-child { grid-column: 2 / -1; }
  .bars li span:last-child:empty { display: none; }
}
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

/** The report's script, with the plot library included. */
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
