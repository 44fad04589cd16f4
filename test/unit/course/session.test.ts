import { describe, expect, test } from "vitest";
import { compile } from "../../../demos/course/cells/compile.ts";
import { placeOf } from "../../../demos/course/cells/edits.ts";
import type { Editing, Means } from "../../../demos/course/page/content.ts";
import { Session } from "../../../demos/course/page/session.ts";

/** A lesson of one cell, changed by the reader; its compiler is there when `loaded` is. */
function changed(text: string, loaded: Promise<void>) {
  const compiled = { edits: [], defines: [], free: [], imports: [] };
  const means: Means = {
    startWorker: () => {
      throw new Error("a worker was started");
    },
    loadEditor: () => loaded.then(() => ({ compile, placeOf }) as Editing),
    hasInside: false,
  };
  const cells = [{ number: 1, code: "1", compiled }];
  const session = new Session({ name: "lesson", title: "A lesson", cells }, means);
  const [cell] = session.cells;
  session.edit(cell!, text);
  return { session, cell: cell! };
}

/** A promise, and what settles it. */
function later() {
  let [resolve, reject] = [(): void => {}, (_: Error): void => {}];
  const promise = new Promise<void>((...given) => {
    [resolve, reject] = given;
  });
  return { promise, resolve: () => resolve(), reject: (error: Error) => reject(error) };
}

describe("a cell with a mistake", () => {
  test("says where it is", async () => {
    const { session, cell } = changed("let a;\nlet b = ;", Promise.resolve());
    await session.run(cell);
    expect(cell.status.value).toBe("failed");
    expect(cell.problem.value).toEqual({
      message: "SyntaxError: Unexpected token",
      place: { cell: "1", line: 2, column: 9 },
    });
  });

  test.each(["let b = ;", "1 + 2"])("says nothing if it was stopped while %j was compiled", async (text) => {
    const { promise, resolve } = later();
    const { session, cell } = changed(text, promise);
    const done = session.run(cell);
    await expect.poll(() => cell.status.value).toBe("running");
    session.stop();
    resolve();
    await done;
    expect([cell.status.value, cell.problem.value]).toEqual(["fresh", undefined]);
  });

  test("says nothing if it was stopped, and then its compiler does not load", async () => {
    const { promise, reject } = later();
    const { session, cell } = changed("2", promise);
    const done = session.run(cell);
    await expect.poll(() => cell.status.value).toBe("running");
    session.stop();
    reject(new Error("no network"));
    await done;
    expect([cell.status.value, cell.problem.value]).toEqual(["fresh", undefined]);
  });

  test("says that its compiler did not load", async () => {
    const { session, cell } = changed("2", Promise.reject(new Error("no network")));
    await session.run(cell);
    expect([cell.status.value, cell.problem.value?.message]).toEqual(["failed", "no network"]);
  });
});
