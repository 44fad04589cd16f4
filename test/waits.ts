/** What one may wait for on a GPU. */
const waits = [
  [() => GPUDevice.prototype, ["createComputePipelineAsync", "popErrorScope"]],
  [() => GPUBuffer.prototype, ["mapAsync"]],
  [() => GPUQueue.prototype, ["onSubmittedWorkDone"]],
  [() => GPUShaderModule.prototype, ["getCompilationInfo"]],
] as const;

/** Acts at the n-th wait for a GPU, counted from 0, until undone. */
export function atWait(n: number, act: () => void): { undo(): void; readonly count: number } {
  let count = 0;
  const undo: (() => void)[] = [];
  for (const [prototype, names] of waits) {
    const target = prototype() as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of names) {
      const original = target[name]!;
      target[name] = function (this: unknown, ...args: unknown[]) {
        const awaited = original.apply(this, args);
        if (count++ === n) act();
        return awaited;
      };
      undo.push(() => {
        target[name] = original;
      });
    }
  }
  return {
    undo: () => undo.forEach((each) => each()),
    get count() {
      return count;
    },
  };
}
