import { gzipSync } from "node:zlib";
import { installedFile } from "../../parts/installed.ts";
import type { DataFile } from "../page/standAlone.ts";
import { cellsOf, type Lesson } from "./lesson.ts";

/** Files of datasets by the name of the function that loads them: each with its npm package. */
const sources: Readonly<Record<string, { readonly package: string; readonly files: readonly string[] }>> = {
  penguins: { package: "@observablehq/sample-datasets", files: ["penguins.csv"] },
};

/** Datasets that a lesson imports. */
function datasetsOf(lesson: Lesson): string[] {
  const code = cellsOf(lesson)
    .map(({ code }) => code)
    .join("\n");
  const [, names = ""] = /import \{([^}]*)\} from "tilegrad\/datasets"/.exec(code) ?? [];
  return names
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name in sources);
}

/** Names of the files that a lesson loads. */
export const filesOf = (lesson: Lesson): string[] => datasetsOf(lesson).flatMap((name) => sources[name]!.files);

/** All files of datasets, by name. */
export async function readData(): Promise<ReadonlyMap<string, Buffer>> {
  const entries = Object.values(sources).flatMap(({ package: name, files }) =>
    files.map(async (file) => [file, await installedFile(name, file)] as const),
  );
  return new Map(await Promise.all(entries));
}

/** The files that a lesson loads, for its single file. */
export async function packedData(lesson: Lesson): Promise<DataFile[]> {
  const all = await readData();
  return filesOf(lesson).map((name) => ({ name, packed: gzipSync(all.get(name)!, { level: 9 }).toString("base64") }));
}
