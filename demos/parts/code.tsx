export interface CodeProps {
  readonly id: string;
  /** What the text is, for those who cannot see it. */
  readonly label: string;
  readonly text: string;
}

/** A program's text. It scrolls, so the keyboard reaches it. */
export const Code = ({ id, label, text }: CodeProps) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls needs the focus to be scrolled
  <section class="code" id={id} tabIndex={0} aria-label={label}>
    <pre>{text}</pre>
  </section>
);
