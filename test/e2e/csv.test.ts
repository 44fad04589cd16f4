import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/*
 * Large CSV files in little memory: a process with a heap of 48 MB, in which neither the text of a million rows nor lists
 * of their fields would fit. Columns are typed arrays outside that heap.
 */

const root = resolve(import.meta.dirname, "../..");
const program = (read: string) => `
  import { parseCsv, readCsv, streamCsv } from ${JSON.stringify(`${root}/src/data/csv/index.ts`)};
  const rows = 1_000_000;
  function* pieces() {
    yield "id,price,city,quoted\\n";
    for (let row = 0; row < rows; row += 1000) {
      let piece = "";
      for (let i = row; i < row + 1000; i++) piece += i + "," + i / 8 + ",a city with a long name " + (i % 7) + ',"x, ""' + (i % 3) + '"""\\n';
      yield piece;
    }
  }
  const sum = ({ data }) => data.reduce((a, b) => a + b, 0);
  ${read}`;

const inSmallHeap = async (read: string): Promise<unknown> => {
  const args = ["--max-old-space-size=48", "--import", "tsx", "--input-type=module", "-e", program(read)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return JSON.parse(stdout);
};

const ids = 499_999_500_000;
/** Of i mod 7, for i below a million: 142,857 rounds, and one more 0. */
const cities = 142_857 * 21;

test("a million rows become columns", async () => {
  const read = `
    const table = await readCsv(pieces());
    const columns = [table.numbers("id"), table.categories("city")];
    console.log(JSON.stringify([table.rows, ...columns.map(sum), table.categories("quoted").categories]));`;
  expect(await inSmallHeap(read)).toEqual([1_000_000, ids, cities, ['x, "0"', 'x, "1"', 'x, "2"']]);
});

test("a million rows are read table by table", async () => {
  const read = `
    const names = (of, n) => Array.from({ length: n }, (_, i) => of(i));
    const types = { city: names((i) => "a city with a long name " + i, 7), quoted: names((i) => 'x, "' + i + '"', 3) };
    let [count, total, codes] = [0, 0, 0];
    for await (const table of streamCsv(pieces(), { types })) {
      count += table.rows;
      total += Array.from(table.numbers("id").data).reduce((a, b) => a + b, 0);
      codes += sum(table.categories("city"));
    }
    console.log(JSON.stringify([count, total, codes]));`;
  expect(await inSmallHeap(read)).toEqual([1_000_000, ids, cities]);
});
