export { accuracy, ConfusionMatrix, confusionMatrix } from "./confusion.ts";
export { argmaxRows, binaryFromProbabilities } from "./decide.ts";
export { mae, mse, r2, rmse } from "./regression.ts";
export {
  type ClassificationReport,
  classificationReport,
  formatConfusionMatrix,
  formatReport,
  type ReportRow,
} from "./report.ts";
export { type RocCurve, rocCurve } from "./roc.ts";
export { type Average, type ClassScore, dice, f1, iou, precision, recall } from "./scores.ts";
