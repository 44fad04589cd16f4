/** Results for a reader: text in a terminal, and tables and pictures in a page. `tilegrad/show`. */

export { type Output, outputOf } from "./output.ts";
export { type Live, live, type Shown, show, showTo } from "./show.ts";
