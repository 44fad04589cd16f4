import { signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { imageAt } from "./images.ts";
import { classes } from "./packs.ts";
import { Print } from "./print.tsx";
import { networksOf } from "./settings.ts";
import { exam, settings, show, subject, test } from "./state.ts";
import { articleOf, names } from "./words.ts";

/** A cell of the matrix: what images are, and what they are read as. */
interface Cell {
  readonly actual: number;
  readonly guess: number;
}

/** The cell whose images are listed; undefined for all misread ones. */
const opened = signal<Cell | undefined>(undefined);

/** Most images to list. */
const most = 18;

const digits = Array.from({ length: classes }, (_, digit) => digit);

/** Which test images the network misreads, and as what. */
export function Mistakes() {
  const answers = exam.value?.[subject.value];
  const labels = test.value?.labels;
  const name = names[subject.value];
  if (!answers || !labels) return null;
  const { guesses, confidence } = answers;
  const counts = new Uint32Array(classes * classes);
  guesses.forEach((guess, i) => {
    counts[labels[i]! * classes + guess]!++;
  });
  const cell = opened.value;
  const isListed = (i: number): boolean =>
    cell ? labels[i] === cell.actual && guesses[i] === cell.guess : labels[i] !== guesses[i];
  const listed = [...guesses.keys()].filter(isListed).sort((a, b) => confidence[b]! - confidence[a]!);
  const wrong = [...guesses.keys()].filter((i) => labels[i] !== guesses[i]).length;
  return (
    <section class="card mistakes" aria-labelledby="mistakes-title">
      <div>
        <h2 id="mistakes-title">What {networksOf(settings.value).length > 1 ? `the ${name}` : "it"} reads as what</h2>
        <p class="note">
          The {name} misreads {wrong.toLocaleString("en-US")} of {guesses.length.toLocaleString("en-US")} test images.
          Click a number to see them.
        </p>
        <Matrix counts={counts} />
      </div>
      <div>
        <h3 id="listed">{titleOf(cell)}</h3>
        <p class="note">
          {cell && (
            <button type="button" class="link" onClick={() => close()}>
              Show all mistakes
            </button>
          )}
          {!cell && "Those that it is most sure of come first."}
          {listed.length > most && ` ${most} of ${listed.length}.`}
        </p>
        <ul class="tiles">
          {listed.slice(0, most).map((i) => (
            <li key={i}>
              <button type="button" onClick={() => show(i + 1)}>
                <Print image={imageAt(test.value!, i)} />
                <span>
                  {labels[i]} as <strong>{guesses[i]}</strong>, {(100 * confidence[i]!).toFixed(0)} %
                </span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

function close(): void {
  opened.value = undefined;
}

function titleOf(cell: Cell | undefined): string {
  if (!cell) return "Misread images";
  return cell.actual === cell.guess
    ? `Each ${cell.actual} read as ${cell.guess}`
    : `Images of ${articleOf(cell.actual)} ${cell.actual} read as ${cell.guess}`;
}

/** The confusion matrix: arrow keys move between its cells. */
function Matrix({ counts }: { readonly counts: Uint32Array }) {
  const at = useRef<Cell>({ actual: 0, guess: 0 });
  const table = useRef<HTMLTableElement>(null);
  const most = Math.max(
    1,
    ...digits.flatMap((row) => digits.map((column) => (row === column ? 0 : counts[row * classes + column]!))),
  );
  const move = (event: KeyboardEvent): void => {
    const [down, right] =
      { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [];
    if (down === undefined || right === undefined) return;
    event.preventDefault();
    const { actual, guess } = at.current;
    const next = { actual: (actual + down + classes) % classes, guess: (guess + right + classes) % classes };
    table.current!.querySelector<HTMLButtonElement>(`#cell-${next.actual}-${next.guess}`)!.focus();
  };
  return (
    <table class="matrix" ref={table} onKeyDown={move}>
      <caption class="visually-hidden">
        Test images by digit (rows) and by what they are read as (columns). Arrow keys move between the cells.
      </caption>
      <thead>
        <tr>
          <td />
          {digits.map((guess) => (
            <th key={guess} scope="col">
              {guess}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {digits.map((actual) => (
          <tr key={actual}>
            <th scope="row">{actual}</th>
            {digits.map((guess) => {
              const count = counts[actual * classes + guess]!;
              const isOpen = opened.value?.actual === actual && opened.value.guess === guess;
              const share = actual === guess ? 0 : count / most;
              return (
                <td key={guess}>
                  <button
                    type="button"
                    id={`cell-${actual}-${guess}`}
                    class={actual === guess ? "right" : count > 0 ? "wrong" : "none"}
                    style={{ "--share": share.toFixed(3) }}
                    aria-label={`${count} images of ${articleOf(actual)} ${actual} read as ${guess}`}
                    aria-pressed={isOpen}
                    tabIndex={at.current.actual === actual && at.current.guess === guess ? 0 : -1}
                    onFocus={() => {
                      at.current = { actual, guess };
                    }}
                    onClick={() => {
                      opened.value = isOpen ? undefined : { actual, guess };
                    }}
                  >
                    {count > 0 ? count : "·"}
                  </button>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
