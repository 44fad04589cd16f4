import { Engine } from "../../src/index.ts";
import { imageAt } from "./dataset.ts";
import { Answer } from "./page/answer.ts";
import { Chart } from "./page/charts.ts";
import { fetchMnist } from "./page/fetch.ts";
import { Misread } from "./page/misread.ts";
import { Pad } from "./page/pad.ts";
import { paintImage } from "./page/pixels.ts";
import { Session, type State } from "./page/session.ts";
import { reasonWithoutWebGPU } from "./page/unsupported.ts";

const find = <E extends HTMLElement = HTMLElement>(id: string): E => document.getElementById(id) as E;
const button = (id: string): HTMLButtonElement => find<HTMLButtonElement>(id);
const count = (value: number): string => Math.round(value).toLocaleString("en-US");

const engine = await Engine.create().catch((error: Error) => {
  find("unsupported").hidden = false;
  find("unsupported").querySelector("[data-field=reason]")!.textContent = reasonWithoutWebGPU(error);
});
if (engine) await demo(engine).catch(tell);

/** Says on the page what went wrong. */
function tell({ message }: { readonly message: string }): void {
  find("notice").textContent = message;
  find("notice").hidden = false;
}

async function demo(engine: Engine): Promise<void> {
  find("demo").hidden = false;
  find("adapter").textContent = engine.adapter + (engine.traits.cpu ? " (CPU)" : "");
  engine.device.lost.then(({ message }) =>
    tell({ message: `The GPU was lost. Reload the page to start afresh. ${message}` }),
  );

  const run = button("run");
  const mnist = await fetchMnist((share) => {
    run.textContent = `Loading images ${Math.floor(100 * share)} %`;
  });
  run.textContent = "Compiling";

  const lossChart = new Chart(find("loss-chart"), {
    color: "--warm",
    log: true,
    splits: [0.01, 0.03, 0.1, 0.3, 1],
    range: (low) => [low < 0.03 ? 0.008 : 0.025, 2.5],
    format: (value) => String(value),
  });
  const accuracyChart = new Chart(find("accuracy-chart"), {
    color: "--accent",
    range: (low) => [Math.min(80, Math.floor(low / 10) * 10), 100],
    format: (value) => `${value} %`,
    points: true,
  });
  const answer = new Answer(find("probabilities"), find("verdict"));
  const misread = new Misread(find("misread"), mnist.test, showTestImage);
  const session: Session = await Session.open(engine, mnist, {
    state: showState,
    loss(epochs, loss, imagesPerSecond) {
      lossChart.add(epochs, loss);
      accuracyChart.reach(epochs);
      find("loss").textContent = loss.toFixed(3);
      find("speed").textContent = `${count(imagesPerSecond)} images/s`;
      showEpochs(epochs);
      void ask();
    },
    examined(epochs, examination) {
      const accuracy = 100 * examination.confusion.accuracy();
      if (epochs > 0) accuracyChart.add(epochs, accuracy);
      find("accuracy").textContent = `${accuracy.toFixed(2)} %`;
      misread.show(examination);
      void ask();
    },
    failed: tell,
  });
  find("memory").textContent = `${(session.memory / 2 ** 20).toFixed(1)} MiB`;
  find("parameters").textContent = count(session.parameters);

  let image: Uint8Array | undefined;
  const pad = new Pad(find<HTMLCanvasElement>("pad"), () => {
    image = pad.image();
    find("hint").hidden = !pad.isBlank;
    find("caption").textContent = "";
    paintImage(find<HTMLCanvasElement>("seen"), image);
    void ask();
  });

  let isAsking = false;
  let isStale = false;
  /** Has the network read the pad; one question at a time, the newest drawing. */
  async function ask(): Promise<void> {
    isStale = true;
    if (isAsking) return;
    isAsking = true;
    try {
      while (isStale) {
        isStale = false;
        const probabilities = image && (await session.classify(image));
        if (probabilities && image) answer.show(probabilities);
        else answer.clear();
      }
    } catch (error) {
      tell(error as Error);
    }
    isAsking = false;
  }

  function showTestImage(index: number): void {
    pad.show(imageAt(mnist.test, index));
    find("caption").textContent = `Test image ${count(index)}, a ${mnist.test.y.data[index]}`;
  }

  function showEpochs(epochs: number): void {
    find<HTMLProgressElement>("epoch").value = epochs % 1;
    const status = session.state === "training" ? `Epoch ${Math.floor(epochs) + 1} of ${session.goal}` : undefined;
    if (status && find("status").textContent !== status) find("status").textContent = status;
  }

  function showState(state: State): void {
    const goOn = {
      idle: "Start training",
      training: "Pause",
      paused: "Go on",
      done: "Ten epochs more",
      busy: "One moment",
    };
    run.textContent = goOn[state];
    const epochs = session.epochs;
    const words = {
      idle: "Ready",
      training: `Epoch ${Math.floor(epochs) + 1} of ${session.goal}`,
      paused: `Paused in epoch ${Math.floor(epochs) + 1}`,
      done: `Done, after ${epochs} epochs`,
      busy: "",
    };
    find("status").textContent = words[state];
    if (state !== "training") find("speed").textContent = "";
    for (const id of ["run", "reset", "save", "load", "example"]) button(id).disabled = state === "busy";
    if (state === "done") find<HTMLProgressElement>("epoch").value = 1;
  }

  run.addEventListener("click", () => (session.state === "training" ? session.pause() : session.start()));
  button("reset").addEventListener("click", async () => {
    await session.reset().catch(tell);
    for (const chart of [lossChart, accuracyChart]) chart.clear();
    for (const id of ["loss", "accuracy"]) find(id).textContent = "–";
    misread.clear();
    showEpochs(0);
    void ask();
  });
  button("clear").addEventListener("click", () => pad.clear());
  button("example").addEventListener("click", () =>
    showTestImage(Math.floor(Math.random() * mnist.test.y.data.length)),
  );
  button("save").addEventListener("click", async () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await session.save()]));
    link.download = "mnist.safetensors";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const file = find<HTMLInputElement>("file");
  button("load").addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    const chosen = file.files?.[0];
    if (!chosen) return;
    find("notice").hidden = true;
    await session.load(new Uint8Array(await chosen.arrayBuffer()), chosen.name).catch(tell);
    file.value = ""; // So that the same file can be chosen again.
  });
  showState("idle");
}
