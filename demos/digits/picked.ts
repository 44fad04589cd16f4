import { signal } from "@preact/signals";
import type { NetworkName } from "./settings.ts";
import type { Place } from "./sums.ts";

/** The result whose sum is shown, in each network. */
export const picked = signal<Readonly<Record<NetworkName, Place>>>({
  cnn: { layer: 2, map: 0, y: 8, x: 14 },
  mlp: { layer: 2, map: 0, y: 0, x: 0 },
});

export function pick(network: NetworkName, place: Place): void {
  picked.value = { ...picked.value, [network]: place };
}
