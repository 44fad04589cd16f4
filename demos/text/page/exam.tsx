import { ignored } from "./ignored.ts";
import { stepsText } from "./pace.ts";
import { ended, exam, frame } from "./session.ts";

/** Names that the network has not seen, coloured by what it takes each character for. */
export function ExamCard() {
  const now = exam.value;
  return (
    <section class="card exam" aria-labelledby="exam-title">
      <h2 id="exam-title">Names it has not seen{frame.value && now && `, after ${stepsText(now.step)}`}</h2>
      {!now && !ended.value && <p class="legend">Compiling what tags…</p>}
      {now && (
        <>
          <p>
            <strong id="accuracy">{(100 * now.accuracy).toFixed(1)} %</strong> of these and others are tagged right.
          </p>
          <ul class="names">
            {now.lines.map(({ text, labels, last }) => (
              <li key={text}>
                {[...text].map((character, i) => (
                  <span
                    // biome-ignore lint/suspicious/noArrayIndexKey: a character is its place
                    key={i}
                    class={labels[i] === ignored ? "" : last[i]! > 0.5 ? "plus" : "minus"}
                    style={{ "--share": Math.abs(2 * last[i]! - 1).toFixed(2) }}
                  >
                    {character}
                  </span>
                ))}
              </li>
            ))}
          </ul>
        </>
      )}
      <p class="legend">
        First or last name? Orange is taken for a first name, blue for a last name. Lines have one name, or two in
        either order: a network that reads both ways knows the rest of the line at every character.
      </p>
    </section>
  );
}
