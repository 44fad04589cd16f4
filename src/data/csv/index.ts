export type {
  CategoryColumn,
  Column,
  Columns,
  ColumnType,
  NumberColumn,
  TextColumn,
} from "../table/column.ts";
export {
  type ColumnChoice,
  type Encoded,
  type EncoderOptions,
  type EncoderSpec,
  type EncoderState,
  encoderFrom,
  type TableEncoder,
  tableEncoder,
} from "../table/encoder.ts";
export type { Missing } from "../table/missing.ts";
export { type Row, type RowsOptions, tableFromRows } from "../table/rows.ts";
export { Table } from "../table/table.ts";
export { parseCsv, readCsv, type StreamCsvOptions, streamCsv } from "./csv.ts";
export type { TextSource } from "./pieces.ts";
export type { CsvOptions } from "./reader.ts";
