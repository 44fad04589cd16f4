import { render } from "preact";
import { Page } from "./page/page.tsx";
import { begin } from "./page/session.ts";

render(<Page />, document.getElementById("app")!);
void begin();
