import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Application } from "typedoc";

/*
 * node extract.mjs FILE: writes what typedoc finds in the sources of every entry of the package, as JSON. A process of
 * its own, because it takes half a minute and a TypeScript of its own.
 */
const root = join(import.meta.dirname, "../../..");
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const app = await Application.bootstrapWithPlugins({
  entryPoints: Object.entries(exports)
    .filter(([name, { types }]) => types && name !== "./bundle")
    .map(([, { types }]) => join(root, types.replace("./dist/", "").replace(/\.d\.ts$/, ".ts"))),
  tsconfig: join(root, "src/tsconfig.json"),
  basePath: root,
  plugin: ["typedoc-plugin-missing-exports"],
  // Types that signatures name and no entry exports: readers need their fields as well.
  internalModule: "internal",
  // `npm run types` reports errors, with the compiler that builds the package.
  skipErrorChecking: true,
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  disableGit: true,
  sourceLinkTemplate: "{path}#L{line}",
  readme: "none",
  logLevel: "Error",
  sort: ["source-order"],
});
const project = await app.convert();
if (!project) throw new Error("typedoc: no reference came of the sources");
await writeFile(process.argv[2], JSON.stringify(app.serializer.projectToObject(project, root)));
