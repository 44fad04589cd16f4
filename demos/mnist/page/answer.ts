import { metrics } from "../../../src/index.ts";
import { classes } from "../dataset.ts";

/** The probability of each digit, as bars. */
export class Answer {
  readonly #rows: readonly { readonly item: HTMLElement; readonly share: HTMLElement }[];
  readonly #verdict: HTMLElement;

  constructor(list: HTMLElement, verdict: HTMLElement) {
    this.#verdict = verdict;
    this.#rows = Array.from({ length: classes }, (_, digit) => {
      const item = document.createElement("li");
      const [name, bar, share] = ["b", "i", "span"].map((tag) => item.appendChild(document.createElement(tag)));
      name!.textContent = String(digit);
      bar!.ariaHidden = "true";
      list.append(item);
      return { item, share: share! };
    });
    this.clear();
  }

  show(probabilities: Float32Array): void {
    const [best = 0] = metrics.argmaxRows(probabilities, classes);
    this.#rows.forEach(({ item, share }, digit) => {
      const probability = probabilities[digit]!;
      item.style.setProperty("--share", probability.toFixed(4));
      item.classList.toggle("best", digit === best);
      share.textContent = `${(100 * probability).toFixed(1)} %`;
    });
    this.#say(`${sureness(probabilities[best]!)} a `, String(best));
  }

  clear(): void {
    for (const { item, share } of this.#rows) {
      item.style.setProperty("--share", "0");
      item.classList.remove("best");
      share.textContent = "";
    }
    this.#say("Its guess appears here.");
  }

  /** Writes only changes, since screen readers read them aloud. */
  #say(text: string, digit = ""): void {
    if (this.#verdict.textContent === text + digit) return;
    const strong = document.createElement("strong");
    strong.textContent = digit;
    this.#verdict.replaceChildren(text, ...(digit ? [strong] : []));
  }
}

function sureness(probability: number): string {
  if (probability > 0.99) return "Surely";
  if (probability > 0.85) return "Most likely";
  return probability > 0.5 ? "Perhaps" : "Hard to say;";
}
