/** What `MessagePort` and `Worker` have. */
interface Posts {
  postMessage(message: ArrayBuffer, transfer: ArrayBuffer[]): void;
}

/** What `RTCDataChannel` has. */
interface Sends {
  send(message: ArrayBuffer): void;
  readonly bufferedAmount: number;
  readonly ordered?: boolean;
  readonly readyState?: string;
  binaryType?: string;
}

/**
 * The way to one other member: a `MessagePort`, a `Worker`, a worker's own `self`, an `RTCDataChannel`, or any object
 * like these. It must deliver all messages in order, as they do by default. The app may send messages of its own through
 * it, other than ArrayBuffers.
 */
export type Port = (Posts | Sends) & {
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  removeEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
};

/** Bytes in a message of a data channel: all browsers take this many. */
const most = 16 * 1024;
/** Bytes that wait in a data channel before more are added. */
const waiting = 1024 * 1024;

const isChannel = (port: Port): port is Port & Sends => "send" in port;

/** What is wrong with a port; undefined where nothing is. */
export function faultOf(port: unknown): string | undefined {
  const given = port as Partial<Posts & Sends & EventTarget> | null | undefined;
  if (typeof given?.addEventListener !== "function" || typeof (given.postMessage ?? given.send) !== "function")
    return "not a MessagePort, Worker or RTCDataChannel";
  if (!("send" in given)) return undefined;
  if (given.ordered === false) return "an RTCDataChannel without order: create it with the default options";
  return (given.readyState ?? "open") === "open"
    ? undefined
    : `an RTCDataChannel that is ${given.readyState}, not open`;
}

/**
 * Listens to a port from now on.
 * @param take receives each ArrayBuffer. @param end is called when the port closes, where it tells.
 * @returns what ends the listening.
 */
export function listen(port: Port, take: (bytes: ArrayBuffer) => void, end: (why: string) => void): () => void {
  const onMessage = ({ data }: { readonly data: unknown }) => {
    // By its name, because it may come from another realm, such as an iframe.
    if (Object.prototype.toString.call(data) === "[object ArrayBuffer]") take(data as ArrayBuffer);
  };
  const onClose = () => end("its port was closed");
  const target = port as unknown as EventTarget & { start?(): void };
  if (isChannel(port)) port.binaryType = "arraybuffer";
  port.addEventListener("message", onMessage);
  target.addEventListener("close", onClose);
  target.start?.();
  return () => {
    port.removeEventListener("message", onMessage);
    target.removeEventListener("close", onClose);
  };
}

/** Sends bytes, in pieces where the port takes no more at once. The buffer is moved, where the port can move it. */
export async function send(port: Port, bytes: ArrayBuffer): Promise<void> {
  if (!isChannel(port)) return port.postMessage(bytes, [bytes]);
  for (let from = 0; from < bytes.byteLength; from += most) {
    while (port.bufferedAmount > waiting) await new Promise((resolve) => setTimeout(resolve, 1));
    port.send(bytes.slice(from, from + most));
  }
}
