import { render } from "preact";
import { Search } from "./search.tsx";

/* A page with a search has a place for it, which says where the root of the site is. */
const place = document.getElementById("find")!;
render(<Search root={place.dataset["root"]!} />, place);
