import { DeviceError } from "../errors.ts";

/** Modules: an empty one, and one whose function makes a vector. */
const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const [empty, simd] = [
  Uint8Array.from(header),
  Uint8Array.from([...header, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 8, 1, 6, 0, 0x41, 0, 0xfd, 15, 11]),
];

/** @throws DeviceError where WebAssembly with SIMD cannot run; the message says what is missing. */
export async function checkAllowed(): Promise<void> {
  if (!globalThis.WebAssembly) throw new DeviceError("there is no WebAssembly here: the browser has turned it off");
  if (!WebAssembly.validate(simd))
    throw new DeviceError("WebAssembly lacks SIMD here: Chrome 91, Firefox 89 and Safari 16.4 and later have it");
  try {
    await WebAssembly.compile(empty);
  } catch (cause) {
    throw new DeviceError(
      "the page's Content-Security-Policy does not let WebAssembly run: add 'wasm-unsafe-eval' to its script-src, also for the files of workers",
      { cause },
    );
  }
}
