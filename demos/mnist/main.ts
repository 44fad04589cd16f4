import { connect } from "../../src/worker/index.ts";
import { reasonWithoutWebGPU } from "../parts/unsupported.ts";
import { imageAt } from "./dataset.ts";
import { Board } from "./page/board.ts";
import { button, count, find, write } from "./page/elements.ts";
import { offerFiles } from "./page/files.ts";
import { Misread } from "./page/misread.ts";
import { Panel } from "./page/panel.ts";
import { Session } from "./page/session.ts";
import type training from "./page/training.worker.ts";
import type { Told } from "./page/training.worker.ts";

/** What the page shows once there is a GPU. */
interface Screen {
  readonly panel: Panel;
  readonly board: Board;
}

let screen: Screen | undefined;
await demo().catch((error: Error) => {
  if (!screen) {
    write("reason", reasonWithoutWebGPU(error));
    find("unsupported").hidden = false;
    return;
  }
  screen.panel.state("lost", 0, 0);
  tell(error);
});

/** Shows an error on the page; without one, hides the last. After the loss of the GPU nothing else is shown. */
function tell(error?: { readonly message: string }, isLost = false): void {
  const notice = find("notice");
  if ("lost" in notice.dataset) return;
  if (isLost) notice.dataset.lost = "";
  if (error) write("notice", error.message);
  notice.hidden = !error;
}

function show({ adapter, cpu }: { readonly adapter: string; readonly cpu: boolean }): Screen {
  find("demo").hidden = false;
  write("adapter", adapter + (cpu ? " (CPU)" : ""));
  return { panel: new Panel(), board: new Board(tell) };
}

async function demo(): Promise<void> {
  const remote = await connect<typeof training>(
    () => new Worker(new URL("./page/training.worker.ts", import.meta.url), { type: "module" }),
    {
      given: { base: document.baseURI },
      onMessage(message) {
        const told = message as Told;
        if ("share" in told) screen?.panel.loading(told.share);
        else screen = show(told);
      },
      inPage: () => import("./page/training.worker.ts"),
    },
  );
  const { panel, board } = screen!;
  let session: Session | undefined;
  button("run").addEventListener("click", () => {
    if (!session || session.state === "lost") location.reload();
    else if (session.state === "training") session.pause();
    else session.start();
  });
  if (remote.reason !== undefined) write("place", `In this page: ${remote.reason}`);
  void remote.lost.then((reason) =>
    tell({ message: `The GPU was lost. Reload the page to start over. ${reason}` }, true),
  );
  const test = await remote.methods.test();
  const showTestImage = (index: number): void =>
    board.show(imageAt(test, index), `Test image ${count(index)}, a ${test.y.data[index]}`);
  const misread = new Misread(find("misread"), test, showTestImage);

  const opened = await Session.open(remote, test, {
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
