import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { aloneHtml } from "./alone.ts";
import { programOf } from "./program.ts";
import { readLessons } from "./shelf.ts";

/*
 * npm run lesson -- xor                          runs a lesson in Node
 * npm run lesson -- xor --program                prints the program
 * npm run lesson -- xor --alone                  prints the page that is one file
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { program: { type: "boolean" }, alone: { type: "boolean" } },
});
const lessons = readLessons();
const lesson = lessons.find(({ name }) => name === positionals[0]);
if (!lesson) {
  console.error(`npm run lesson -- NAME: name one of ${lessons.map(({ name }) => name).join(", ")}`);
  process.exitCode = 1;
} else if (values.alone) process.stdout.write(await aloneHtml(lesson));
else if (values.program) process.stdout.write(programOf(lesson));
else {
  // In the clone, where programs find tilegrad by its name.
  const folder = join(import.meta.dirname, "../programs");
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${lesson.name}.ts`);
  await writeFile(file, programOf(lesson));
  const child = spawn(process.execPath, ["--import", "tsx", file], { stdio: "inherit" });
  child.on("close", (code) => {
    process.exitCode = code ?? 1;
  });
}
