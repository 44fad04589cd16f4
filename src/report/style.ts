/*
 * The look of a report: light or dark as the reader prefers, one column on a phone, light on paper.
 */
export const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2328; --soft: #59636e; --line: #dde1e6; --accent: #1d4ed8; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #14171c; --ink: #e6e9ed; --soft: #9aa4b0; --line: #31363e; --accent: #7cb1ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 3rem; }
h1, h2 { line-height: 1.2; overflow-wrap: anywhere; }
h1 { margin: 0 0 .5rem; font-size: 1.75rem; }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.2rem; }
p { max-width: 45rem; margin: .5rem 0; overflow-wrap: anywhere; white-space: pre-line; }
.soft { color: var(--soft); }
.figures { display: flex; flex-wrap: wrap; gap: .75rem 2.5rem; margin: 1.25rem 0 0; }
.figures div { display: flex; flex-direction: column-reverse; min-width: 0; }
.figures dd { margin: 0; font-size: 1.5rem; font-weight: 600; overflow-wrap: anywhere; }
dt { color: var(--soft); }
.configuration { columns: 20rem; column-gap: 2.5rem; margin: 0; }
.configuration div {
  display: flex; gap: 1rem; justify-content: space-between; padding: .2rem 0; break-inside: avoid;
  border-bottom: 1px solid var(--line);
}
.configuration dt, .configuration dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.configuration dt { flex: none; max-width: 50%; }
.configuration dd { text-align: right; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 1rem; }
.plots svg { width: 100%; }
svg { display: block; }
.wide { overflow-x: auto; }
.wide svg { max-width: none !important; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem clamp(.4rem, 1.5vw, .75rem); text-align: right; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; }
th:first-child { padding-left: 0; }
th:first-child, .words { text-align: left; }
tbody th { color: var(--ink); font-weight: 400; max-width: 20rem; overflow-wrap: anywhere; }
tfoot td, tfoot th { color: var(--soft); }
td.bar { background: linear-gradient(var(--accent) 0 0) no-repeat left bottom / calc(100% * var(--share)) 3px; }
.samples {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: 1rem .75rem;
  margin: 0; padding: 0; list-style: none;
}
.samples li { font-size: .875rem; line-height: 1.35; overflow-wrap: anywhere; }
.samples img { display: block; width: 100%; height: auto; max-width: 8rem; border: 1px solid var(--line); image-rendering: pixelated; }
@media print {
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  .wide { overflow: visible; }
  .wide svg { max-width: 100% !important; }
  svg, tr, .samples li { break-inside: avoid; }
}
`;
