import type { Digits } from "../../../src/datasets/index.ts";
import { imageAt } from "../dataset.ts";
import type { Examination } from "./examination.ts";
import { Print } from "./pixels.ts";

/** Most images to show. */
const most = 12;

/** Test images that the network misreads, each as a button. */
export class Misread {
  readonly #section: HTMLElement;
  readonly #digits: Digits;
  readonly #tiles: readonly {
    readonly item: HTMLElement;
    readonly print: Print;
    readonly text: HTMLElement;
  }[];
  #shown: number[] = [];

  /**
   * @param pick is called with the index of a clicked image.
   */
  constructor(section: HTMLElement, digits: Digits, pick: (index: number) => void) {
    this.#section = section;
    this.#digits = digits;
    const list = section.querySelector("ul")!;
    this.#tiles = Array.from({ length: most }, (_, i) => {
      const item = list.appendChild(document.createElement("li"));
      const button = item.appendChild(document.createElement("button"));
      button.type = "button";
      button.addEventListener("click", () => pick(this.#shown[i]!));
      const canvas = button.appendChild(document.createElement("canvas"));
      canvas.ariaHidden = "true";
      return { item, print: new Print(canvas), text: button.appendChild(document.createElement("span")) };
    });
  }

  show({ predicted, confusion }: Examination): void {
    const labels = this.#digits.y.data;
    this.#shown = [];
    for (let i = 0; i < labels.length && this.#shown.length < most; i++) {
      if (predicted[i] !== labels[i]) this.#shown.push(i);
    }
    const wrong = Math.round(confusion.total * (1 - confusion.accuracy()));
    this.#section.querySelector("small")!.textContent = `${wrong.toLocaleString("en-US")} of 10,000 test images`;
    this.#section.hidden = wrong === 0;
    this.#tiles.forEach(({ item, print, text }, i) => {
      const index = this.#shown[i];
      item.hidden = index === undefined;
      if (index === undefined) return;
      print.show(imageAt(this.#digits, index));
      text.textContent = `${labels[index]} as ${predicted[index]}`;
    });
  }

  clear(): void {
    this.#section.hidden = true;
  }
}
