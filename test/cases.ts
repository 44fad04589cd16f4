import { attentionRows, lossRows } from "./cases/compositions.ts";
import { convolutionRows } from "./cases/convolutions.ts";
import { matmulRows, reductionRows, softmaxRows } from "./cases/folds.ts";
import { joinRows, resizeRows, viewRows } from "./cases/moves.ts";
import { normalizationRows } from "./cases/normalizations.ts";
import { binaryRows, foreachRow, unaryRows } from "./cases/pointwise.ts";
import { recurrentRows } from "./cases/recurrent.ts";
import type { CaseRow } from "./cases/row.ts";

export type { CaseRow };

/** Cases for every op, used by every kind of test. */
export const cases: readonly CaseRow[] = [
  ...unaryRows,
  ...binaryRows,
  ...viewRows,
  ...joinRows,
  ...resizeRows,
  ...reductionRows,
  ...softmaxRows,
  ...matmulRows,
  ...convolutionRows,
  foreachRow,
  ...lossRows,
  ...attentionRows,
  ...normalizationRows,
  ...recurrentRows,
];
