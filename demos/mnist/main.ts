import { mnist } from "../../src/datasets/index.ts";
import { Engine } from "../../src/index.ts";
import { imageAt } from "./dataset.ts";
import { packedSuffix } from "./files.ts";
import { Board } from "./page/board.ts";
import { button, count, find, write } from "./page/elements.ts";
import { offerFiles } from "./page/files.ts";
import { Misread } from "./page/misread.ts";
import { Panel } from "./page/panel.ts";
import { Session } from "./page/session.ts";
import { reasonWithoutWebGPU } from "./page/unsupported.ts";

const engine = await Engine.create().catch((error: Error) => {
  write("reason", reasonWithoutWebGPU(error));
  find("unsupported").hidden = false;
});
if (engine) {
  find("demo").hidden = false;
  const panel = new Panel();
  await demo(engine, panel).catch((error: Error) => {
    panel.state("lost", 0, 0);
    tell(error);
  });
}

/** Shows an error on the page; without one, hides the last. After the loss of the GPU nothing else is shown. */
function tell(error?: { readonly message: string }, isLost = false): void {
  const notice = find("notice");
  if ("lost" in notice.dataset) return;
  if (isLost) notice.dataset.lost = "";
  if (error) write("notice", error.message);
  notice.hidden = !error;
}

async function demo(engine: Engine, panel: Panel): Promise<void> {
  write("adapter", engine.adapter + (engine.traits.cpu ? " (CPU)" : ""));
  engine.device.lost.then(({ message }) =>
    tell({ message: `The GPU was lost. Reload the page to start over. ${message}` }, true),
  );
  let session: Session | undefined;
  button("run").addEventListener("click", () => {
    if (!session || session.state === "lost") location.reload();
    else if (session.state === "training") session.pause();
    else session.start();
  });

  const board = new Board(tell);
  const digits = await mnist({
    baseUrl: "data",
    suffix: packedSuffix,
    onProgress: ({ loaded, total }) => panel.loading(loaded / total),
  });
  const { test } = digits;
  const showTestImage = (index: number): void =>
    board.show(imageAt(test, index), `Test image ${count(index)}, a ${test.y.data[index]}`);
  const misread = new Misread(find("misread"), test, showTestImage);

  const opened = await Session.open(engine, digits, {
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
  session = opened;
  write("memory", `${(opened.memory / 2 ** 20).toFixed(1)} MiB`);
  write("parameters", count(opened.parameters));
  board.reader = (image) => opened.classify(image);

  button("reset").addEventListener("click", async () => {
    try {
      await opened.reset();
    } catch (error) {
      return tell(error as Error);
    }
    tell();
    panel.clear();
    misread.clear();
    void board.ask();
  });
  button("example").addEventListener("click", () => showTestImage(Math.floor(Math.random() * test.y.data.length)));
  offerFiles(opened, tell);
  panel.state(opened.state, 0, 0);
}
