import { signal } from "@preact/signals";
import type { Edge } from "./edges.tsx";
import type { Unit } from "./session.ts";

/** The unit whose numbers are edited, and the weight that was clicked: its input. */
export const edited = signal<(Unit & { readonly from?: number }) | undefined>(undefined);

/** Opens the numbers of a unit. */
export function openUnit(at: Unit): void {
  edited.value = at;
}

/** Opens the numbers of the unit that an edge leads to. */
export function openEdge({ layer, from, to }: Edge): void {
  edited.value = { layer: layer + 1, unit: to, from };
}

export function closeEditor(): void {
  const { layer, unit } = edited.value!;
  edited.value = undefined;
  document.getElementById(unitId({ layer, unit }))?.focus();
}

export const unitId = ({ layer, unit }: Unit): string => `unit-${layer}-${unit}`;
