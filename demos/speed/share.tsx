import { useState } from "preact/hooks";
import { download } from "../parts/download.ts";
import { addressOf, cardOf, pngOf } from "./card.ts";
import { result } from "./session.ts";
import { type Summary, textOf } from "./summary.ts";

/** The result as a card: to look at, to copy, to download. */
export function Share({ summary }: { readonly summary: Summary }) {
  const [said, say] = useState("");
  const svg = cardOf(summary);
  const name = `tilegrad-${summary.adapter.replace(/[^\w]+/g, "-")}`;
  const copy = async (what: string, text: string): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      say(`${what} is copied.`);
    } catch {
      say("The browser does not let this page copy. Download the card instead.");
    }
  };
  const buttons: readonly (readonly [string, string, () => unknown])[] = [
    ["copy-text", "Copy as text", () => copy("The text", textOf(summary))],
    ["copy-link", "Copy link", () => copy("The link", location.href)],
    ["png", "Download PNG", async () => download(`${name}.png`, await pngOf(svg))],
    ["svg", "Download SVG", () => download(`${name}.svg`, new Blob([svg], { type: "image/svg+xml" }))],
  ];
  const whole = result.value;
  const json = () =>
    download(`${name}.json`, new Blob([`${JSON.stringify(whole, null, 1)}\n`], { type: "application/json" }));
  return (
    <section class="card share" aria-labelledby="share-title">
      <h2 id="share-title">Your card</h2>
      <img id="card" src={addressOf(svg)} alt={textOf(summary)} />
      <div class="buttons">
        {buttons.map(([id, label, act]) => (
          <button key={id} id={id} type="button" class="button" onClick={() => void act()}>
            {label}
          </button>
        ))}
        {whole && (
          <button id="json" type="button" class="button" onClick={json}>
            Download JSON
          </button>
        )}
      </div>
      <p class="hint" role="status">
        {said}
      </p>
    </section>
  );
}
