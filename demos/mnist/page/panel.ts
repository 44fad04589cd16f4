import { Chart } from "./charts.ts";
import { button, count, find, write } from "./elements.ts";
import type { Point, State } from "./session.ts";

/** What the main button says, which is what it does. */
const actions: Readonly<Record<State, string>> = {
  idle: "Start training",
  training: "Pause",
  paused: "Go on",
  done: "Ten epochs more",
  busy: "One moment",
};

/** How training goes: curves, numbers, and the buttons' labels. */
export class Panel {
  readonly #loss = new Chart(find("loss-chart"), {
    color: "--warm",
    log: true,
    splits: [0.01, 0.03, 0.1, 0.3, 1],
    range: (low) => [low < 0.03 ? 0.008 : 0.025, 2.5],
    format: String,
  });
  readonly #accuracy = new Chart(find("accuracy-chart"), {
    color: "--accent",
    range: (low) => [Math.min(80, Math.floor(low / 10) * 10), 100],
    format: (value) => `${value} %`,
    points: true,
  });

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
    };
    write("run", actions[state]);
    write("status", words[state]);
    if (state !== "training") write("speed", "");
    for (const id of ["run", "reset", "save", "load", "example"]) button(id).disabled = state === "busy";
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
