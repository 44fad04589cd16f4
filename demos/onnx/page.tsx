import { Failure } from "../parts/failure.tsx";
import { FileButton, useDrop } from "../parts/files.tsx";
import { RunsOn, Unsupported } from "../parts/gpu.tsx";
import { AboutCard } from "./about.tsx";
import { Inputs } from "./inputs.tsx";
import { Results } from "./results.tsx";
import { Said } from "./said.tsx";
import { ended, failure, isBusy, missing, opened, openFiles, remote, sampleImages, showSample } from "./session.ts";

export function Page() {
  const { isOver, handlers } = useDrop((files) => {
    if (files.length > 0 && !ended.value) void openFiles(files);
  });
  if (missing.value) return <Unsupported error={missing.value} />;
  return (
    <>
      <RunsOn what={remote.value} />
      <Failure reason={failure.value} />
      {/* The button does the same for those who cannot drop. */}
      <div class={`onnx ${isOver ? "over" : ""}`} {...handlers}>
        <Source />
        {opened.value && (
          <>
            <AboutCard {...opened.value} />
            <div class="columns">
              <Inputs {...opened.value} />
              <Results {...opened.value} />
            </div>
          </>
        )}
      </div>
    </>
  );
}

/** Where models come from, and what is wrong with the last one. */
function Source() {
  const isReady = remote.value !== undefined && !ended.value;
  return (
    <section class="card source" aria-label="Model">
      <FileButton
        id="file"
        name="Open a model"
        accept=".onnx,.data,.bin"
        multiple
        onFiles={(files) => void openFiles(files)}
      />
      <p class="hint">
        Or drop an .onnx file anywhere on this page, together with the files of its weights if it has some.
      </p>
      <div class="try">
        <p class="hint">Or let a small network read one of these:</p>
        {[...sampleImages].map(([digit, url]) => (
          <button
            key={digit}
            type="button"
            class="sample"
            disabled={!isReady || isBusy.value}
            onClick={() => void showSample(digit)}
          >
            <img src={url} alt={`A handwritten ${digit}`} width={40} height={40} />
          </button>
        ))}
      </div>
      <Said at="files" />
    </section>
  );
}
