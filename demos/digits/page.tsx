import { Notice } from "../parts/controls.tsx";
import { Adapter, Unsupported } from "../parts/gpu.tsx";
import { Board } from "./board.tsx";
import { InsideView } from "./inside.tsx";
import { Mistakes } from "./mistakes.tsx";
import { failure, missing, remote } from "./state.ts";
import { Training } from "./training.tsx";

export function Page() {
  if (missing.value) return <Unsupported error={missing.value} />;
  return (
    <>
      {failure.value !== undefined && (
        <Notice>
          <p>{failure.value}</p>
          <button type="button" class="button" onClick={() => location.reload()}>
            Reload
          </button>
        </Notice>
      )}
      <div class="digits">
        <Board />
        <Training />
        <InsideView />
        <Mistakes />
      </div>
      {remote.value && <Adapter {...remote.value} />}
    </>
  );
}
