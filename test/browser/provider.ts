import { defineBrowserProvider } from "@vitest/browser";
import type { Browser, Page } from "puppeteer";
import type { BrowserProvider } from "vitest/node";
import { launchChrome } from "./chrome.ts";

/** Opens Vitest's pages in a Chrome with a WebGPU adapter, through Puppeteer. */
class PuppeteerProvider implements BrowserProvider {
  readonly name = "puppeteer";
  /** All pages share one software adapter: parallel files would only wait for each other. */
  readonly supportsParallelism = false;
  #browser: Promise<Browser> | undefined;
  #pages = new Map<string, Page>();

  getCommandsContext(): Record<string, unknown> {
    return {};
  }

  async openPage(sessionId: string, url: string): Promise<void> {
    this.#browser ??= launchChrome();
    const browser = await this.#browser;
    await this.#pages.get(sessionId)?.close();
    const page = await browser.newPage();
    this.#pages.set(sessionId, page);
    await page.goto(url, { timeout: 0 });
  }

  async close(): Promise<void> {
    const browser = await this.#browser?.catch(() => undefined);
    await browser?.close();
  }
}

/** The `browser.provider` of vite.config.ts. */
export const puppeteer = () =>
  defineBrowserProvider({ name: "puppeteer", providerFactory: () => new PuppeteerProvider() });
