import { useEffect, useState } from "preact/hooks";
import { digits, percent, timeOf } from "./format.ts";
import { ask } from "./gpu.ts";
import type { Edit, ModelledKernel } from "./rows.ts";
import * as session from "./session.ts";

const { draft, kernel, problem, shown, sources } = session;

/** The model of the kernel that is shown, or of the visitor's text in its place, anew whenever either changes. */
export function ModelledTable() {
  const [found, setFound] = useState<ModelledKernel | Error | undefined>(undefined);
  const [asked, variant, original, edit] = [problem.value, shown.value, kernel.value!, draft.value];
  useEffect(() => {
    let isGone = false;
    const at = sources.value.get(variant)!.indexOf(original);
    const edits: readonly Edit[] = edit ? [{ ...edit, kernel: at }] : [];
    const show = (what: ModelledKernel | Error): void => {
      if (!isGone) setFound(what);
    };
    void ask((bench) => bench.modelled(asked, variant, at, edits)).then(show, show);
    return () => {
      isGone = true;
    };
  }, [asked, variant, original, edit]);
  if (!found) return <p class="notes">Counting …</p>;
  if (found instanceof Error) return <p class="notes">It cannot be counted: {found.message}.</p>;
  return (
    <>
      <Times {...found} />
      <Operands {...found} />
    </>
  );
}

function Times({ on, traffic }: ModelledKernel) {
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls on narrow screens */}
      <section class="scroll" tabIndex={0} aria-label="Modelled times">
        <table>
          <thead>
            <tr>
              <th scope="col">Described GPU</th>
              <th scope="col">Modelled</th>
              <th scope="col">× bound</th>
              <th scope="col">Bound by</th>
              <th scope="col">Arithmetic</th>
              <th scope="col">Memory</th>
              <th scope="col">Cache</th>
              <th scope="col">Occupancy</th>
            </tr>
          </thead>
          <tbody>
            {on.map(({ gpu: { name, teraflops, gbPerSec, cacheMiB }, times }) => (
              <tr key={name} data-gpu={name}>
                <th scope="row">
                  <span class="name">{name}</span>
                  <p class="sentence">
                    {teraflops} TFLOP/s, {gbPerSec} GB/s, {cacheMiB} MiB of cache
                  </p>
                </th>
                <td class="best">{timeOf(times.ms)}</td>
                <td>{digits(times.ms / times.leastMs)}</td>
                <td>{times.limit}</td>
                <td>{timeOf(times.arithmeticMs)}</td>
                <td>{timeOf(times.memoryMs)}</td>
                <td>{timeOf(times.cacheMs)}</td>
                <td>{percent(times.occupancy)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="notes">
        The longest of three times decides, divided by the occupancy, the part of the GPU that has work. Arithmetic: all
        operations at full speed. Memory: the bytes that it must deliver. Cache: the bytes that invocations ask for.
        “Bound by” is occupancy if there are too few workgroups or invocations to fill the GPU. The bound is the least
        that any kernel could take: its operations, and each byte once. A model knows nothing of how instructions are
        scheduled. This kernel has {traffic.invocations.toLocaleString("en-US")} invocations,{" "}
        {digits(traffic.flopsPerByte)} operations per byte asked for, and {digits(traffic.workgroupBytes / 1024)} KiB of
        workgroup memory.
      </p>
    </>
  );
}

function Operands({ traffic: { operands, asked, bytes } }: ModelledKernel) {
  const isExact = operands.every((operand) => operand.isExact);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls on narrow screens */}
      <section class="scroll" tabIndex={0} aria-label="What the kernel asks for">
        <table class="operands">
          <thead>
            <tr>
              <th scope="col">Buffer</th>
              <th scope="col">KiB</th>
              <th scope="col">× read</th>
              <th scope="col">× read, shared</th>
              <th scope="col">× written</th>
            </tr>
          </thead>
          <tbody>
            {operands.map(({ name, role, bytes, read, shared, written }) => (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code> {role}
                </th>
                <td>{digits(bytes / 1024)}</td>
                <td>{digits(read / bytes)}</td>
                <td>{digits(shared / bytes)}</td>
                <td>{digits(written / bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="notes">
        How often invocations ask for each buffer, counted from the text; shared, if those of a workgroup ask once.
        Together {digits(asked / bytes)} times the least possible.
        {!isExact && " Of a large grid, or where values decide what is loaded, the count is an estimate."}
      </p>
    </>
  );
}
