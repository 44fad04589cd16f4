import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";

/** Clicks on what saves a file. @returns the file. */
export async function saved(page: Page, selector: string): Promise<{ name: string; bytes: Uint8Array }> {
  const downloadPath = await mkdtemp(join(tmpdir(), "tilegrad-downloads-"));
  const session = await page.createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath, eventsEnabled: true });
  const done = new Promise<void>((resolve) => {
    session.on("Browser.downloadProgress", ({ state }) => state === "completed" && resolve());
  });
  await page.click(selector);
  await done;
  const [name] = await readdir(downloadPath);
  const bytes = new Uint8Array(await readFile(join(downloadPath, name!)));
  await Promise.all([rm(downloadPath, { recursive: true }), session.detach()]);
  return { name: name!, bytes };
}
