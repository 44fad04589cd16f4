import { computed, signal } from "@preact/signals";
import { connection } from "./gpu.ts";
import { type Axis, groupSizes, type HeatMap, usualGroups } from "./heat.ts";
import { problemKey } from "./rows.ts";
import * as session from "./session.ts";

/** The last sweep. */
export const latest = signal<HeatMap | undefined>(undefined);

/** Over shapes, a heat map is of a work; over workgroups, also of its sizes. */
export const subject = (axis: Axis): string =>
  axis === "shapes" ? session.problem.value.work : problemKey(session.problem.value);

/** The heat map of what the page shows. */
export const heatMap = computed(() => {
  const map = latest.value;
  return map && map.of === subject(map.axis) ? map : undefined;
});

/** Invocations per workgroup that a sweep measures: those that the visitor typed, or the usual ones. */
export const swept = computed((): readonly number[] => {
  const { swept } = session.settings.value;
  const sizes = groupSizes(
    (swept.length > 0 ? swept : usualGroups).join(),
    connection.value?.about.maxInvocations ?? 256,
  );
  return typeof sizes === "string" ? usualGroups : sizes;
});
