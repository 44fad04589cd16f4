import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

export interface ChoiceProps<T extends string | number> {
  readonly label: string;
  readonly value: T;
  /** Values, each with its name. */
  readonly options: readonly (readonly [T, string])[];
  readonly onChange: (value: T) => void;
}

/** A labelled list to choose one value from. */
export function Choice<T extends string | number>({ label, value, options, onChange }: ChoiceProps<T>) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={String(value)}
        onChange={({ currentTarget }) => onChange(options[currentTarget.selectedIndex]![0])}
      >
        {options.map(([option, name]) => (
          <option key={option} value={String(option)}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}

export interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** The value as text, with its unit. */
  readonly text: string;
  readonly onChange: (value: number) => void;
}

/** A labelled slider that acts while it moves. */
export function Slider({ label, value, min, max, step, text, onChange }: SliderProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>
        {label} <output>{text}</output>
      </label>
      <input
        id={id}
        type="range"
        {...{ min, max, step, value }}
        aria-valuetext={text}
        onInput={({ currentTarget }) => onChange(Number(currentTarget.value))}
      />
    </div>
  );
}

export interface NumberFieldProps {
  readonly label: string;
  readonly value: number;
  /** What an arrow key adds. */
  readonly step: number;
  /** Takes the focus when it appears. */
  readonly focused?: boolean;
  readonly onChange: (value: number) => void;
}

/** A labelled number that acts while it is typed. It follows its value, but not while it has the focus. */
export function NumberField({ label, value, step, focused = false, onChange }: NumberFieldProps) {
  const id = useId();
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (document.activeElement !== box.current || box.current!.value === "") box.current!.value = value.toFixed(3);
  }, [value]);
  useEffect(() => {
    if (!focused) return;
    box.current!.focus();
    box.current!.select();
  }, [focused]);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        ref={box}
        type="number"
        step={step}
        onInput={({ currentTarget: { valueAsNumber } }) => Number.isFinite(valueAsNumber) && onChange(valueAsNumber)}
      />
    </div>
  );
}

/** What went wrong and what to do, read aloud at once. */
export function Notice({ children }: { readonly children: ComponentChildren }) {
  return (
    <div class="notice" role="alert">
      {children}
    </div>
  );
}
