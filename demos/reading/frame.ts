import { escaped } from "../course/build/highlight.ts";

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%232546c7'/%3E%3Cpath d='M3 3h4v4H3zM9 9h4v4H9z' fill='white'/%3E%3C/svg%3E";

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
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${escaped(title)} · tilegrad</title>
    <meta name="description" content="${escaped(description)}" />
    <link rel="icon" href="${icon}" />
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
