/** What the single files of all lessons share. */
export interface Shared {
  readonly styles: string;
  /** The page's script. */
  readonly main: string;
  /** Parts that load when they are needed, as packed text in elements of their own. */
  readonly parts: string;
}

/** A file of a dataset. */
export interface DataFile {
  readonly name: string;
  /** Gzipped, in base 64. */
  readonly packed: string;
}

/**
 * A lesson's page as one file, which needs no other file and no network.
 * @param html the page, as the site has it.
 * @param data what its cells load.
 */
export function standAlone(html: string, { styles, main, parts }: Shared, data: readonly DataFile[]): string {
  const files = data.map(({ name, packed }) => `<script type="text/plain" data-file="${name}">${packed}</script>\n`);
  return html
    .replaceAll(/<link rel="(?:stylesheet|modulepreload)"[^>]*>\s*/g, "")
    .replaceAll(/<script type="module"[^>]*><\/script>\s*/g, "")
    .replaceAll(/<!-- site -->.*?<!-- \/site -->\s*/gs, "")
    .replace("</head>", () => `<style>${styles}</style>\n  </head>`)
    .replace("</body>", () => `${parts}\n${files.join("")}<script type="module">${main}</script>\n  </body>`);
}
