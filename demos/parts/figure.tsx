export interface FigureProps {
  readonly id?: string;
  readonly name: string;
  readonly value: string;
  /** Its class, for a mark in a curve's colour. */
  readonly kind?: string;
}

/** A value with its name, in a list of figures. */
export function Figure({ id, name, value, kind }: FigureProps) {
  return (
    <div class={kind}>
      <dt>{name}</dt>
      <dd id={id}>{value}</dd>
    </div>
  );
}
