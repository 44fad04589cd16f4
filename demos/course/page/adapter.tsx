import { render } from "preact";
import { Adapter, Unsupported } from "../../parts/gpu.tsx";

/** Says what cells run on, or what to do where that is nothing. */
export async function sayAdapter(element: HTMLElement): Promise<void> {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter) {
    render(<Unsupported error={new Error("it gave no adapter")} />, element);
    return;
  }
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const name = description || [vendor, architecture, device].filter(Boolean).join(" ") || "your graphics processor";
  render(<Adapter adapter={name} cpu={isFallbackAdapter} reason={undefined} />, element);
}
