import { digits } from "./format.ts";
import { timed } from "./rows.ts";
import { decades, placed } from "./scale.ts";
import * as session from "./session.ts";

/** A dot: a variant's speed, at its operations per byte. */
interface Dot {
  readonly name: string;
  readonly intensity: number;
  readonly gflops: number;
}

const [width, height] = [560, 420];
const edge = { left: 58, right: 18, top: 16, bottom: 46 };

/** Speed over operations per byte, both as powers of ten, under what the adapter can do at most. */
export function Roofline() {
  const { roof, outcomes, ladder } = session;
  if (!roof.value || !ladder.value) return null;
  const { gflops, gbPerSec } = roof.value;
  const dots = [...outcomes.value].flatMap(([name, outcome]): Dot[] => {
    const time = timed(outcome, roof.value);
    return time && time.flops > 0 ? [{ name, intensity: time.flops / time.bytes, gflops: time.gflops }] : [];
  });
  const ridge = gflops / gbPerSec;
  // A clock may be too coarse for the adapter's limits.
  if (!(ridge > 0 && ridge < Number.POSITIVE_INFINITY)) return null;
  const [left, right] = decades([ridge / 4, ridge * 4, ...dots.map(({ intensity }) => intensity)]);
  const [low, high] = decades([gflops, gflops / 100, ...dots.map((dot) => dot.gflops)]);
  const x = (intensity: number): number =>
    edge.left + ((Math.log10(intensity) - left) / (right - left)) * (width - edge.left - edge.right);
  const y = (speed: number): number =>
    height - edge.bottom - ((Math.log10(speed) - low) / (high - low)) * (height - edge.top - edge.bottom);
  const line = [left, Math.log10(ridge), right].map((exponent) => {
    const at = 10 ** exponent;
    return `${x(at)},${y(Math.min(gflops, gbPerSec * at))}`;
  });
  const steps = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
  return (
    <section class="card roofline" aria-labelledby="roofline-title">
      <div class="card-head">
        <h2 id="roofline-title">Roofline</h2>
        <p>
          Measured here: {digits(gflops)} GFLOP/s in registers, {digits(gbPerSec)} GB/s by copying.
        </p>
      </div>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={describe(dots, gflops)}>
        <clipPath id="plot">
          <rect
            x={edge.left}
            y={edge.top}
            width={width - edge.left - edge.right}
            height={height - edge.top - edge.bottom}
          />
        </clipPath>
        {steps(left, right).map((at) => (
          <g key={at} class="grid">
            <line x1={x(at)} x2={x(at)} y1={edge.top} y2={height - edge.bottom} />
            <text x={x(at)} y={height - edge.bottom + 18} text-anchor="middle">
              {powerOfTen(at)}
            </text>
          </g>
        ))}
        {steps(low, high).map((at) => (
          <g key={at} class="grid">
            <line y1={y(at)} y2={y(at)} x1={edge.left} x2={width - edge.right} />
            <text x={edge.left - 8} y={y(at) + 4} text-anchor="end">
              {powerOfTen(at)}
            </text>
          </g>
        ))}
        <text class="axis" x={(edge.left + width - edge.right) / 2} y={height - 6} text-anchor="middle">
          operations per byte
        </text>
        <text class="axis" transform={`translate(14 ${height / 2}) rotate(-90)`} text-anchor="middle">
          GFLOP/s
        </text>
        <polyline class="roof" points={line.join(" ")} clip-path="url(#plot)" />
        {placed(
          dots.map((dot) => ({ ...dot, at: y(dot.gflops) })),
          height - edge.bottom - 6,
        ).map(({ name, intensity, at, label }) => (
          <g key={name} class={dotClass(name)}>
            <circle cx={x(intensity)} cy={at} r="5" />
            <line class="leader" x1={x(intensity) + 6} y1={at} x2={x(intensity) + 16} y2={label} />
            <text x={x(intensity) + 19} y={label + 4}>
              {name}
            </text>
          </g>
        ))}
      </svg>
    </section>
  );
}

const powerOfTen = (value: number): string =>
  value >= 0.001 && value < 1e6 ? value.toLocaleString("en-US") : `1e${Math.round(Math.log10(value))}`;

const dotClass = (name: string): string => {
  if (name === session.own) return "dot own";
  return name === session.shown.value ? "dot shown" : "dot";
};

const describe = (dots: readonly Dot[], gflops: number): string =>
  dots.length === 0
    ? "No variant has been timed yet."
    : dots.map((dot) => `${dot.name}: ${digits(dot.gflops)} of at most ${digits(gflops)} GFLOP/s`).join("; ");
