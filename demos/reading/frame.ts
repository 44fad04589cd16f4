import { escaped } from "../course/build/highlight.ts";
import { headOf } from "./head.ts";

/** A page to read. */
export interface Reading {
  readonly title: string;
  /** One sentence, for lists of pages. */
  readonly description: string;
  /** The link above the title, to the list that this page is in. */
  readonly home: { readonly href: string; readonly words: string };
  /** What stands below the title. */
  readonly lead?: string;
  readonly body: string;
}

/** A page of guides or reference as HTML, one folder below the root of the site. Its only script is the search. */
export const readingPage = ({ title, description, home, lead, body }: Reading): string => `<!doctype html>
<html lang="en">
  <head>
    ${headOf(title, description)}
    <link rel="stylesheet" href="../theme.css" />
    <link rel="stylesheet" href="../parts/parts.css" />
    <link rel="stylesheet" href="../course/style.css" />
    <link rel="stylesheet" href="../search/style.css" />
    <link rel="stylesheet" href="../reading/style.css" />
    <script type="module" src="../search/main.tsx"></script>
  </head>
  <body>
    <main class="page lesson reading">
      <header>
        <a class="home" href="${home.href}">← ${escaped(home.words)}</a>
        <h1>${escaped(title)}</h1>
        ${lead === undefined ? "" : `<p class="lead">${lead}</p>`}
        <div id="find" data-root="../"></div>
      </header>
      <article>
${body}
      </article>
    </main>
  </body>
</html>
`;
