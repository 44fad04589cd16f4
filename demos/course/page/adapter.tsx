import { render } from "preact";
import { gpuHere, hardwareHere, isSoftware, lackHere, nameOf } from "../../../src/gpu/adapter.ts";
import { wanted } from "../../parts/backend.ts";
import { type AdapterProps, RunsOn, Unsupported } from "../../parts/gpu.tsx";

/** Says what cells run on, or what to do where that is nothing. */
export async function sayAdapter(element: HTMLElement): Promise<void> {
  const found = await adapter().catch(() => null);
  render(
    found === null ? <Unsupported error={new Error("It gave no adapter.")} /> : <RunsOn what={saidOf(found)} />,
    element,
  );
}

function saidOf(found: GPUAdapter | string): AdapterProps {
  if (typeof found === "string")
    return { adapter: "", cpu: true, backend: "wasm", backendReason: found, reason: undefined };
  const { info } = found;
  const [adapter, cpu] = [info.description || nameOf(info), isSoftware(info)];
  return { adapter, cpu, backend: "webgpu", backendReason: "", reason: undefined };
}

/** The adapter that engines of cells take; why WebAssembly, or null where there is not what the address asks for. */
async function adapter(): Promise<GPUAdapter | string | null> {
  if (wanted.backend === "wasm") return "asked for";
  if (wanted.backend) return (await gpuHere()?.requestAdapter()) ?? null;
  return (await hardwareHere()) ?? lackHere();
}
