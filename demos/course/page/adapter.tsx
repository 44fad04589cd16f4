import { render } from "preact";
import { gpuHere, hardwareHere, isSoftware, lackHere, nameOf } from "../../../src/gpu/adapter.ts";
import { wanted } from "../../parts/backend.ts";
import { Adapter, Unsupported } from "../../parts/gpu.tsx";

/** Says what cells run on, or what to do where that is nothing. */
export async function sayAdapter(element: HTMLElement): Promise<void> {
  const found = await adapter().catch(() => null);
  if (found === null) render(<Unsupported error={new Error("it gave no adapter")} />, element);
  else if (typeof found === "string")
    render(<Adapter adapter="" cpu backend="wasm" backendReason={found} reason={undefined} />, element);
  else {
    const { info } = found;
    const [name, isCpu] = [info.description || nameOf(info), isSoftware(info)];
    render(<Adapter adapter={name} cpu={isCpu} backend="webgpu" backendReason="" reason={undefined} />, element);
  }
}

/** The adapter that engines of cells take; why WebAssembly, or null where there is not what the address asks for. */
async function adapter(): Promise<GPUAdapter | string | null> {
  if (wanted.backend === "wasm") return "asked for";
  if (wanted.backend) return (await gpuHere()?.requestAdapter()) ?? null;
  return (await hardwareHere()) ?? lackHere();
}
