import { render } from "preact";
import { Page } from "./page.tsx";
import { start } from "./session.ts";

render(<Page />, document.getElementById("app")!);
void start();
