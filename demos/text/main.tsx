import { render } from "preact";
import { keepHeading } from "./page/heading.ts";
import { Page } from "./page/page.tsx";
import { begin } from "./page/session.ts";

keepHeading();
render(<Page />, document.getElementById("app")!);
void begin();
