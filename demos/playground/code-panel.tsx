import { useSignal } from "@preact/signals";
import { Code } from "../parts/code.tsx";
import { CopyButton } from "../parts/copy.tsx";
import { givenOf } from "./code/given.ts";
import { kerasCode } from "./code/keras.ts";
import { pytorchCode } from "./code/pytorch.ts";
import { tilegradCode } from "./code/tilegrad.ts";
import { frame, settings } from "./session.ts";

const languages = { tilegrad: tilegradCode, PyTorch: pytorchCode, Keras: kerasCode };

type Language = keyof typeof languages;

/** Epochs that a program trains at least. */
const fewest = 10;

/** The run as a program, in three libraries. */
export default function CodePanel() {
  const language = useSignal<Language>("tilegrad");
  const given = givenOf(settings.value);
  const { train, y } = given.samples;
  if (train === 0 || train === y.length)
    return <p class="hint">A program needs points to train on and others to test: add some.</p>;
  // In tens, so that the text stays while one reads it.
  const epochs = Math.max(fewest, Math.ceil((frame.value?.epoch ?? 0) / fewest) * fewest);
  const text = languages[language.value](given, epochs);
  return (
    <section class="card panel" aria-labelledby="panel-title">
      <div class="network-head">
        <h2 id="panel-title">As code</h2>
        <fieldset class="choices">
          <legend class="visually-hidden">Library</legend>
          {(Object.keys(languages) as Language[]).map((name) => (
            <label key={name}>
              <input
                type="radio"
                name="library"
                checked={name === language.value}
                onChange={() => {
                  language.value = name;
                }}
              />
              {name}
            </label>
          ))}
        </fieldset>
        <CopyButton text={text} />
      </div>
      <p class="hint">
        This program trains with these settings from step 0, with the page's points and first weights. In tilegrad, it
        also takes the same batches, and prints the losses of this page. The others shuffle in their own ways, and come
        close.
      </p>
      <Code id="code" label={`The run in ${language.value}`} text={text} />
    </section>
  );
}
