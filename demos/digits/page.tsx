import { Failure } from "../parts/failure.tsx";
import { Adapter, Unsupported } from "../parts/gpu.tsx";
import { Unread } from "../parts/unread.tsx";
import { Board } from "./board.tsx";
import { InsideView } from "./inside.tsx";
import { KernelsCard } from "./kernelsCard.tsx";
import { Mistakes } from "./mistakes.tsx";
import { failure, missing, remote, strange } from "./state.ts";
import { Training } from "./training.tsx";

export function Page() {
  if (missing.value) return <Unsupported error={missing.value} />;
  return (
    <>
      <Failure reason={failure.value} />
      <Unread parts={strange} />
      <div class="digits">
        <Board />
        <Training />
        <InsideView />
        <Mistakes />
        <KernelsCard />
      </div>
      {remote.value && <Adapter {...remote.value} />}
    </>
  );
}
