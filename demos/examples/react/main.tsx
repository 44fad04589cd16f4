import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import type { Progress } from "tilegrad/train";
import { train } from "./ring.ts";

/** A training as state of a component. It starts when the component mounts, and ends when it unmounts. */
function useTraining(): { progress?: Progress; accuracy?: number; error?: Error } {
  const [state, setState] = useState<ReturnType<typeof useTraining>>({});
  useEffect(() => {
    // StrictMode mounts twice. The clean-up ends the first training, whose answers then come too late to be shown.
    const unmount = new AbortController();
    const show = (news: typeof state) => {
      if (!unmount.signal.aborted) setState((known) => ({ ...known, ...news }));
    };
    train(unmount.signal, (progress) => show({ progress })).then(
      (accuracy) => show({ accuracy }),
      (error) => show({ error }),
    );
    return () => unmount.abort();
  }, []);
  return state;
}

function Training() {
  const { progress, accuracy, error } = useTraining();
  if (error) return <p role="alert">{error.message}</p>;
  return (
    <main>
      <h1>A ring in the plane</h1>
      <progress
        max={1}
        value={
          accuracy === undefined
            ? progress
              ? (progress.epoch - 1 + progress.step / (progress.steps ?? Infinity)) / progress.epochs
              : 0
            : 1
        }
      />
      <p>{progress && `epoch ${progress.epoch}, loss ${progress.logs.loss.toFixed(3)}`}</p>
      <p id="result">{accuracy !== undefined && `${(100 * accuracy).toFixed(1)} % of new points are right.`}</p>
    </main>
  );
}

createRoot(document.querySelector("#root")!).render(
  <StrictMode>
    <Training />
  </StrictMode>,
);
