import { useEffect, useId, useRef } from "preact/hooks";
import { Choice } from "../parts/controls.tsx";
import { FileButton } from "../parts/files.tsx";
import { dimsOf } from "./about.tsx";
import { type ImageAxes, imageAxes, type Scaling, scalings, type Way, ways } from "./filling.ts";
import type { InputPort } from "./lab.ts";
import { type Picture, paint } from "./picture.ts";
import { Said } from "./said.tsx";
import * as session from "./session.ts";
import type { Hole } from "./sizes.ts";

const { ended, fills, holes, isBusy, setFill, setSize, shapes, sizes } = session;

/** What goes into the model. */
export function Inputs({ about }: session.Opened) {
  return (
    <section class="card inputs" aria-labelledby="inputs-title">
      <h2 id="inputs-title">What goes in</h2>
      {holes.value.length > 0 && (
        <div class="fields">
          {holes.value.map((hole) => (
            <HoleField key={hole.key} hole={hole} />
          ))}
        </div>
      )}
      {about.inputs.map((port) => (
        <Input key={port.name} port={port} />
      ))}
      <div class="go">
        <button
          id="run"
          type="button"
          class="button primary"
          disabled={isBusy.value || ended.value}
          onClick={() => void session.run()}
        >
          Run
        </button>
        <Said at="run" />
      </div>
    </section>
  );
}

/** A size or shape that the file leaves open. */
function HoleField({ hole: { key, label, kind } }: { readonly hole: Hole }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        inputMode={kind === "size" ? "numeric" : "text"}
        placeholder={kind === "size" ? "size" : "1, 3, 224, 224"}
        value={sizes.value.get(key)}
        onInput={({ currentTarget }) => setSize(key, currentTarget.value)}
      />
    </div>
  );
}

function Input({ port }: { readonly port: InputPort }) {
  const { name, type } = port;
  const fill = fills.value.get(name)!;
  const shape = shapes.value.get(name);
  const axes = shape && imageAxes(shape);
  const options = (Object.keys(ways) as Way[])
    .filter((way) => way !== "image" || axes || fill.way === "image")
    .map((way) => [way, ways[way]] as const);
  return (
    <fieldset class="input">
      <legend>
        <code>{name}</code>{" "}
        <span>
          {type} {dimsOf(port)}
        </span>
      </legend>
      <div class="fields">
        <Choice label="Filled with" value={fill.way} options={options} onChange={(way) => setFill(name, { way })} />
        {fill.way === "image" && axes && <Scale name={name} axes={axes} scaling={fill.scaling} />}
        {mayDecide(port) && (
          <label class="check">
            <input
              type="checkbox"
              checked={fill.fixed}
              onChange={({ currentTarget }) => setFill(name, { fixed: currentTarget.checked })}
            />
            Fixed: it decides shapes
          </label>
        )}
      </div>
      {fill.way === "image" && <Image name={name} axes={axes} picture={fill.picture} />}
      {fill.way === "typed" && <Typed name={name} text={fill.text} />}
    </fieldset>
  );
}

/** Shapes, axes and the like are lists or single numbers. */
const mayDecide = ({ dims }: InputPort): boolean => dims !== undefined && dims.length <= 1;

/** What a network takes for the shades of an image. */
function Scale({ name, axes, scaling }: { name: string; axes: ImageAxes; scaling: Scaling }) {
  const options = (Object.keys(scalings) as Scaling[])
    .filter((key) => key !== "imagenet" || axes.channels === 3)
    .map((key) => [key, scalings[key].name] as const);
  return (
    <Choice label="Scaled to" value={scaling} options={options} onChange={(to) => setFill(name, { scaling: to })} />
  );
}

interface ImageProps {
  readonly name: string;
  readonly axes: ImageAxes | undefined;
  readonly picture: Picture | undefined;
}

/** An image as the model gets it. */
function Preview({ picture, width, height }: { picture: Picture; width: number; height: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    paint(canvas.current!, picture, { width, height });
  }, [picture, width, height]);
  return <canvas ref={canvas} role="img" aria-label={`${picture.name}, as the model gets it`} />;
}

/** An image for an input, and ways to choose another. */
function Image({ name, axes, picture }: ImageProps) {
  return (
    <div class="image">
      {picture && axes && <Preview {...{ picture, width: axes.width, height: axes.height }} />}
      <div class="from">
        <FileButton
          name="Choose an image"
          accept="image/*"
          onFiles={([file]) => void session.choosePicture(name, file!)}
        />
        <p class="hint">Its middle is scaled to {axes ? `${axes.width} × ${axes.height}` : "the size of the input"}.</p>
      </div>
    </div>
  );
}

function Typed({ name, text }: { readonly name: string; readonly text: string }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>Numbers of {name}, row by row</label>
      <textarea
        id={id}
        rows={3}
        spellcheck={false}
        placeholder="0.5, -1, 2e-3"
        value={text}
        onInput={({ currentTarget }) => setFill(name, { text: currentTarget.value })}
      />
    </div>
  );
}
