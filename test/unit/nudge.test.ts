import { describe, expect, test } from "vitest";
import { Nudge } from "../../src/gpu/nudge.ts";

/** A queue that reports finished work only at its `count`-th submit, like a browser that checks only then. */
function queueDoneAt(count: number) {
  let submits = 0;
  let finish = () => {};
  const done = new Promise<string>((resolve) => {
    finish = () => resolve("done");
  });
  return {
    done,
    submit: () => {
      submits++;
      if (submits === count) finish();
      return undefined;
    },
    get submits() {
      return submits;
    },
  };
}

const aMoment = () => new Promise((resolve) => setTimeout(resolve, 30));

describe("waits for the GPU in a browser", () => {
  test.each([1, 3, 8])("get empty submits until they end, here after %i", async (count) => {
    const queue = queueDoneAt(count);
    expect(await new Nudge(queue, true).until(queue.done)).toBe("done");
    expect(queue.submits).toBe(count);
    await aMoment();
    expect(queue.submits).toBe(count);
  });

  test("are also nudged if not urgent", async () => {
    const queue = queueDoneAt(2);
    expect(await new Nudge(queue, true).until(queue.done, false)).toBe("done");
    expect(queue.submits).toBe(2);
  });

  test("leave nudging to the newest, which ends last", async () => {
    const queue = queueDoneAt(5);
    const nudge = new Nudge(queue, true);
    const older = nudge.until(new Promise<never>(() => {}));
    expect(await Promise.race([older, nudge.until(queue.done)])).toBe("done");
    await aMoment();
    expect(queue.submits).toBe(5);
  });

  test("reject with the awaited promise, and are nudged no further", async () => {
    const queue = queueDoneAt(0);
    const lost = Promise.reject(new Error("the device is lost"));
    await expect(new Nudge(queue, true).until(lost)).rejects.toThrow("the device is lost");
    await aMoment();
    const after = queue.submits;
    await aMoment();
    expect(queue.submits).toBe(after);
  });
});

test("outside of browsers nothing is submitted", async () => {
  const queue = queueDoneAt(1);
  const awaited = aMoment().then(() => "done");
  expect(await new Nudge(queue, false).until(awaited)).toBe("done");
  expect(queue.submits).toBe(0);
});
