import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sizeOf } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { nn } from "../../src/index.ts";
import { exportOnnx } from "../../src/onnx/index.ts";
import { cases } from "../cases.ts";
import { inputsOf } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { examples } from "../models.ts";
import { firstValues } from "../onnxExport.ts";
import { python, runPython } from "./python.ts";

/** Whether the ONNX project's package is here: Debian's python3-onnx. */
const hasOnnx = ((): boolean => {
  try {
    execFileSync(python, ["-c", "import onnx"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

const program = `import glob
import onnx

faults = 0
for path in sorted(glob.glob("*.onnx")):
    try:
        onnx.checker.check_model(path, full_check=True)
    except Exception as error:
        faults += 1
        print(path, str(error)[:300])
print(faults, "faults")
`;

test.skipIf(!hasOnnx)(
  "ONNX's own checker finds no fault in models of every op and layer, and infers their shapes",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "tilegrad-onnx-"));
    writeFileSync(join(folder, "check.py"), program);
    const models: [name: string, outputs: Record<string, Tensor>][] = [];
    for (const { name, op, shapes, draws } of cases) {
      if (name.startsWith("foreach")) continue;
      const { inputs } = inputsOf(fill(draws ?? [reals(-2, 2)], shapes[0]!.map(sizeOf)), shapes[0]!);
      models.push([name, { y: op(...inputs) }]);
    }
    for (const [name, list] of Object.entries(examples)) {
      list.forEach(({ make, x }, i) => {
        const layer = make() as unknown as (x: Tensor, mode?: nn.Mode) => Tensor | Record<string, Tensor>;
        const result = layer(x, name.endsWith("Cell") ? undefined : { training: false });
        models.push([`nn.${name} ${i}`, "shape" in result ? { y: result as Tensor } : { ...result }]);
      });
    }
    for (const [name, outputs] of models) {
      const { bytes } = await exportOnnx(firstValues, outputs);
      writeFileSync(join(folder, `${name.replaceAll(/\W+/g, "_")}.onnx`), bytes);
    }
    expect(models.length).toBeGreaterThan(200);
    expect(await runPython(folder, ["check.py"])).toBe("0 faults\n");
  },
);
