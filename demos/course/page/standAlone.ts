/** What the single files of all lessons share. */
export interface Shared {
  readonly styles: string;
  /** The page's script. */
  readonly main: string;
  /** Parts that load when they are needed, as packed text in elements of their own. */
  readonly parts: string;
}

/**
 * A lesson's page as one file, which needs no other file and no network.
 * @param html the page, as the site has it.
 */
export function standAlone(html: string, { styles, main, parts }: Shared): string {
  return html
    .replaceAll(/<link rel="(?:stylesheet|modulepreload)"[^>]*>\s*/g, "")
    .replaceAll(/<script type="module"[^>]*><\/script>\s*/g, "")
    .replaceAll(/<!-- site -->.*?<!-- \/site -->\s*/gs, "")
    .replace("</head>", () => `<style>${styles}</style>\n  </head>`)
    .replace("</body>", () => `${parts}\n<script type="module">${main}</script>\n  </body>`);
}
