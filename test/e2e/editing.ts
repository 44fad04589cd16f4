import type { Page } from "puppeteer";

/*
 * Editors of WGSL: each is inside a shadow root.
 */

/** The text in an editor. */
export const writtenIn = (page: Page, selector: string) =>
  page.$eval(selector, (editor) =>
    [...editor.shadowRoot!.querySelectorAll(".cm-line")].map(({ textContent }) => textContent).join("\n"),
  );

/** Waits for an editor and its text. */
export const isWriting = (page: Page, selector: string) =>
  page.waitForFunction(
    (selector) => document.querySelector(selector)?.shadowRoot?.querySelector(".cm-line"),
    {},
    selector,
  );

/** Replaces the whole text in an editor, as one who types. */
export async function typeOver(page: Page, selector: string, text: string): Promise<void> {
  await page.$eval(selector, (editor) => editor.shadowRoot!.querySelector<HTMLElement>(".cm-content")!.focus());
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.sendCharacter(text);
}
