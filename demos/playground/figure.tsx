export interface FigureProps {
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly kind?: string;
}

/** A named value in a list of figures. */
export function Figure({ id, name, value, kind }: FigureProps) {
  return (
    <div class={kind}>
      <dt>{name}</dt>
      <dd id={id}>{value}</dd>
    </div>
  );
}
