import { Chart } from "./charts.ts";
import { button, count, find, write } from "./elements.ts";
import type { Point, State } from "./session.ts";

/** Labels of the main button. */
const actions: Readonly<Record<State, string>> = {
  idle: "Start training",
  training: "Pause",
  paused: "Continue",
  done: "Ten more epochs",
  busy: "One moment",
  lost: "Reload the page",
};

/** Buttons that are disabled until the images arrive, and during exclusive work. */
const pressable = ["run", "reset", "save", "load", "example"];

/** Grid lines on a logarithmic axis: powers of ten, and three times each if there is room. */
function decades(low: number, high: number): number[] {
  const powers = Array.from({ length: 16 }, (_, i) => Number(`1e${i - 8}`));
  const lines = powers.flatMap((power) => [power, Number((3 * power).toPrecision(1))]);
  const [all, tens] = [lines, powers].map((some) => some.filter((at) => at >= low && at <= high));
  return all!.length > 5 ? tens! : all!;
}

/**
 * Shows the training: curves, numbers, and the buttons' labels and states. Create it before others listen to the
 * buttons.
 */
export class Panel {
  readonly #loss = new Chart(find("loss-chart"), {
    color: "--warm",
    log: true,
    splits: decades,
    range: (low, high) => [Math.min(0.025, 0.8 * low), Math.max(2.5, 1.2 * high)],
    format: String,
  });
  readonly #accuracy = new Chart(find("accuracy-chart"), {
    color: "--accent",
    range: (low) => [Math.min(80, Math.floor(low / 10) * 10), 100],
    format: (value) => `${value} %`,
    points: true,
  });

  constructor() {
    for (const id of pressable) {
      button(id).addEventListener("click", (event) => {
        if (button(id).ariaDisabled === "true") event.stopImmediatePropagation();
      });
    }
  }

  /** @param share of the images that has arrived, 0 … 1. */
  loading(share: number): void {
    write("run", share < 1 ? `Loading images ${Math.floor(100 * share)} %` : "Compiling");
  }

  state(state: State, epochs: number, goal: number): void {
    const words = {
      idle: "Ready",
      training: `Epoch ${Math.floor(epochs) + 1} of ${goal}`,
      paused: `Paused in epoch ${Math.floor(epochs) + 1}`,
      done: `Done, after ${epochs} epochs`,
      busy: "",
      lost: "Stopped",
    };
    write("run", actions[state]);
    write("status", words[state]);
    if (state !== "training") write("speed", "");
    for (const id of pressable) {
      // Not `disabled`: a button disabled for a moment would lose the focus.
      button(id).ariaDisabled = String(state === "busy" || (state === "lost" && id !== "run"));
      button(id).disabled = false;
    }
    find<HTMLProgressElement>("epoch").value = state === "done" ? 1 : epochs % 1;
  }

  loss({ epochs, loss, imagesPerSecond }: Point): void {
    this.#loss.add(epochs, loss);
    this.#accuracy.reach(epochs);
    write("loss", loss.toFixed(3));
    write("speed", `${count(imagesPerSecond)} images/s`);
  }

  /** @param accuracy on test images, 0 … 1. */
  accuracy(epochs: number, accuracy: number): void {
    if (epochs > 0) this.#accuracy.add(epochs, 100 * accuracy);
    write("accuracy", `${(100 * accuracy).toFixed(2)} %`);
  }

  clear(): void {
    this.#loss.clear();
    this.#accuracy.clear();
    write("loss", "–");
    write("accuracy", "–");
  }
}
