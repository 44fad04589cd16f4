import * as session from "./session.ts";
import { readsSteps } from "./settings.ts";

/** Offers the network to other programs. */
export function Elsewhere() {
  const { settings, frame, ended } = session;
  return (
    <section class="card elsewhere" aria-labelledby="elsewhere-title">
      <h2 id="elsewhere-title">Use it elsewhere</h2>
      <button
        id="export"
        type="button"
        class="button"
        disabled={!frame.value || ended.value}
        onClick={() => void session.saveOnnx()}
      >
        Export as ONNX
      </button>
      <p class="legend">
        The network as it is now, for other programs. {readsSteps(settings.value) ? <Step /> : <Window />} The number of
        a character is its place in <code>characters</code>, a list in the file's metadata, as JSON. Every text starts
        after the one with the number <code>start</code>.
      </p>
    </section>
  );
}

const Step = () => (
  <>
    It makes one step. Inputs: <code>character</code>, [batch], and the states before it, [batch, layers, units]:{" "}
    <code>h</code>, in an LSTM also <code>c</code>, zeros at first. Outputs: <code>logits</code> of the next character,
    and the states after this one, <code>nextH</code> and <code>nextC</code>.
  </>
);

const Window = () => (
  <>
    It reads texts of one length, filled up with <code>start</code>. Input: <code>characters</code>, [batch, length].
    Output: <code>logits</code>{" "}
    {session.tagging() ? "of the labels, at each character" : "of the next character, after each"}, [batch, length, …].
  </>
);
