import { caret, look, reading } from "./inside.ts";
import { ended, tagging } from "./session.ts";

/** The likeliest next characters, at most. */
const most = 8;

/** What the network expects after the caret. */
export function Bars() {
  const now = look.value;
  const place = now?.places[Math.min(caret.value, now.places.length - 1)] ?? -1;
  const text = now?.text ?? reading();
  const before = [...text].slice(0, caret.value).join("").split("\n").at(-1)!.slice(-12);
  const found = now && place >= 0 ? likeliest(now.probabilities, now.tokens, place) : [];
  return (
    <div class="bars">
      <h3 id="bars-title">
        {tagging() ? "The name at the end of" : "Next after"} “<span class="before">{before}</span>”
        {tagging() && " is a"}
      </h3>
      <ol aria-labelledby="bars-title">
        {found.map(({ token, share }) => (
          <li key={token}>
            <span class="token">{nameOf(token)}</span>
            <span class="bar" style={{ "--share": share.toFixed(4) }} />
            <span class="percent">{(100 * share).toFixed(1)} %</span>
          </li>
        ))}
      </ol>
      {!now && !ended.value && <p class="legend">Compiling what looks inside…</p>}
      {now && place < 0 && <p class="legend">The network does not read so far.</p>}
    </div>
  );
}

function likeliest(probabilities: Float32Array, tokens: readonly string[], place: number) {
  const row = probabilities.subarray(place * tokens.length, (place + 1) * tokens.length);
  const all = Array.from(row, (share, i) => ({ token: tokens[i]!, share }));
  return all.sort((a, b) => b.share - a.share).slice(0, most);
}

const nameOf = (token: string): string => (token === "\n" ? "end of line" : token === " " ? "space" : token);
