/** What the single files of all lessons share. */
export interface Shared {
  readonly styles: string;
  /** The page's script. */
  readonly main: string;
  /** Parts that load when they are needed, as packed text in elements of their own. */
  readonly parts: string;
  /** What runs cells, without tilegrad/torch and with it. */
  readonly worker: string;
  readonly torchWorker: string;
  /** Files of datasets, packed as well, by the function that loads each. */
  readonly data: Readonly<Record<string, string>>;
}

/**
 * A lesson's page as one file, which needs no other file and no network.
 * @param html the page, as the site has it.
 */
export function standAlone(html: string, shared: Shared): string {
  const { styles, main, parts } = shared;
  const worker = html.includes("tilegrad/torch") ? shared.torchWorker : shared.worker;
  const data = Object.entries(shared.data).filter(([call]) => html.includes(`${call}(`));
  return (
    html
      .replaceAll(/<link rel="(?:stylesheet|modulepreload)"[^>]*>\s*/g, "")
      .replaceAll(/<script type="module"[^>]*><\/script>\s*/g, "")
      .replaceAll(/<a class="name"[^>]*>(.*?)<\/a>/gs, "$1")
      .replaceAll(/<!-- site -->.*?<!-- \/site -->\s*/gs, "")
      .replaceAll(/<!-- alone (.*?) -->/gs, "$1")
      // Other pages are not beside the file, wherever it is: their names stay as words.
      .replaceAll(/<a href="(?!https?:|#)[^"]*">(.*?)<\/a>/gs, "$1")
      .replace("</head>", () => `<style>${styles}</style>\n  </head>`)
      .replace(
        "</body>",
        () =>
          `${[parts, worker, ...data.map(([, text]) => text)].join("\n")}\n<script type="module">${main}</script>\n  </body>`,
      )
  );
}
