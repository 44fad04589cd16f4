import { Failure } from "../parts/failure.tsx";
import { RunsOn, Unsupported } from "../parts/gpu.tsx";
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
      <RunsOn what={remote.value} unread={strange} />
      <Failure reason={failure.value} />
      <div class="digits">
        <Board />
        <Training />
        <InsideView />
        <Mistakes />
        <KernelsCard />
      </div>
    </>
  );
}
