import { expose, type Remote, wrap } from "comlink";
import { Host } from "./host.ts";
import type { AnyExposed } from "./served.ts";

/** Serves what a worker would, in this thread: the same calls through the same copies and moves. */
export function serveHere({ setup, options }: AnyExposed): { readonly host: Remote<Host>; cut(): void } {
  const { port1, port2 } = new MessageChannel();
  const host = new Host(setup, options);
  expose(host, port1);
  return {
    host: wrap<Host>(port2),
    cut() {
      host.close();
      port1.close();
      port2.close();
    },
  };
}
