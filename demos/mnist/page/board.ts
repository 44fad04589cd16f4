import { Answer } from "./answer.ts";
import { button, find, write } from "./elements.ts";
import { Pad } from "./pad.ts";
import { Print } from "./pixels.ts";

/** Returns the probability of each digit for an image of 784 bytes. */
export type Reader = (image: Uint8Array) => Promise<Float32Array>;

/** The pad and the network's answer to the drawing on it. */
export class Board {
  readonly #pad: Pad;
  readonly #seen = new Print(find<HTMLCanvasElement>("seen"));
  readonly #answer = new Answer(find("probabilities"), find("verdict"));
  readonly #failed: (error: Error) => void;
  #reader: Reader | undefined;
  #image: Uint8Array | undefined;
  #caption = "";
  #isAsking = false;
  #isStale = false;

  constructor(failed: (error: Error) => void) {
    this.#failed = failed;
    this.#pad = new Pad(find<HTMLCanvasElement>("pad"), () => this.#changed());
    button("clear").addEventListener("click", () => this.#pad.clear());
  }

  /** Sets the reader. Drawing works before that, too. */
  set reader(reader: Reader) {
    this.#reader = reader;
    void this.ask();
  }

  /** Puts an image of 784 bytes on the pad. */
  show(image: Uint8Array, caption: string): void {
    this.#caption = caption;
    this.#pad.show(image);
  }

  /** Makes the network read the pad again: one question at a time, always the newest drawing. */
  async ask(): Promise<void> {
    this.#isStale = true;
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        const probabilities = this.#image && (await this.#reader?.(this.#image));
        if (probabilities && this.#image) this.#answer.show(probabilities);
        else this.#answer.clear();
      }
    } catch (error) {
      this.#failed(error as Error);
    }
    this.#isAsking = false;
  }

  #changed(): void {
    this.#image = this.#pad.image();
    find("hint").hidden = !this.#pad.isBlank;
    write("caption", this.#pad.isExample ? this.#caption : "");
    this.#seen.show(this.#image);
    void this.ask();
  }
}
