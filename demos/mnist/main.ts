import { Engine } from "../../src/index.ts";
import { imageAt } from "./dataset.ts";
import { Board } from "./page/board.ts";
import { button, count, find, write } from "./page/elements.ts";
import { fetchMnist } from "./page/fetch.ts";
import { offerFiles } from "./page/files.ts";
import { Misread } from "./page/misread.ts";
import { Panel } from "./page/panel.ts";
import { Session } from "./page/session.ts";
import { reasonWithoutWebGPU } from "./page/unsupported.ts";

const engine = await Engine.create().catch((error: Error) => {
  write("reason", reasonWithoutWebGPU(error));
  find("unsupported").hidden = false;
});
if (engine) await demo(engine).catch(tell);

/** Says on the page what went wrong. */
function tell({ message }: { readonly message: string }): void {
  write("notice", message);
  find("notice").hidden = false;
}

async function demo(engine: Engine): Promise<void> {
  find("demo").hidden = false;
  write("adapter", engine.adapter + (engine.traits.cpu ? " (CPU)" : ""));
  engine.device.lost.then(({ message }) =>
    tell({ message: `The GPU was lost. Reload the page to start afresh. ${message}` }),
  );

  const board = new Board(tell);
  const panel = new Panel();
  const mnist = await fetchMnist((share) => panel.loading(share));
  const { test } = mnist;
  const showTestImage = (index: number): void =>
    board.show(imageAt(test, index), `Test image ${count(index)}, a ${test.y.data[index]}`);
  const misread = new Misread(find("misread"), test, showTestImage);

  const session = await Session.open(engine, mnist, {
    state: (session) => panel.state(session.state, session.epochs, session.goal),
    loss(session, point) {
      panel.loss(point);
      panel.state(session.state, session.epochs, session.goal);
      void board.ask();
    },
    examined(session, examination) {
      panel.accuracy(session.epochs, examination.confusion.accuracy());
      misread.show(examination);
      void board.ask();
    },
    failed: tell,
  });
  write("memory", `${(session.memory / 2 ** 20).toFixed(1)} MiB`);
  write("parameters", count(session.parameters));
  board.reader = (image) => session.classify(image);

  button("run").addEventListener("click", () => (session.state === "training" ? session.pause() : session.start()));
  button("reset").addEventListener("click", async () => {
    await session.reset().catch(tell);
    panel.clear();
    misread.clear();
    void board.ask();
  });
  button("example").addEventListener("click", () => showTestImage(Math.floor(Math.random() * test.y.data.length)));
  offerFiles(session, (error) => {
    find("notice").hidden = !error;
    if (error) tell(error);
  });
  panel.state("idle", 0, 0);
}
