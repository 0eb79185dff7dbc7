// Takes pictures of pages: each state of a page in every look.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { LOOKS } from "./looks.ts";
import { ROOT } from "./processes.ts";

const SHOTS = join(ROOT, "target/screenshots");
const PICTURES = join(ROOT, "docs/images");
const [light, dark, phone] = LOOKS;
const SHOWN = { light, dark, phone };

/** What fits into a column of the README, and two of which stand beside one another. */
const WINDOW = { width: 1280, height: 800 };

/** Waits until nothing is on its way, and what passes by has passed. */
async function settle(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector("[aria-busy=true], .toast") === null);
  // Two frames: in the first what changed size is drawn anew.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

async function shoot(page: Page, path: string, fullPage: boolean): Promise<void> {
  await page.mouse.move(0, 0);
  await page.screenshot({ path, fullPage, animations: "disabled", caret: "hide" });
}

interface Options {
  /** Only what is in the window: for pages without an end. */
  readonly window?: boolean;
  /** Something goes on there. */
  readonly isBusy?: boolean;
}

/** Takes `<page>-<state>-<look>.png` in each look. */
export async function shots(page: Page, name: string, { window = false, isBusy = false }: Options = {}): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  for (const { name: look, colorScheme, viewport } of Object.values(SHOWN)) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    if (!isBusy) await settle(page);
    await shoot(page, join(SHOTS, `${name}-${look}.png`), !window);
  }
}

/** Takes a picture of a page as it is printed: as wide as a sheet between its margins. */
export async function printShot(page: Page, name: string): Promise<void> {
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  await page.setViewportSize({ width: 643, height: 900 });
  await shoot(page, join(SHOTS, `${name}-print.png`), true);
  await page.emulateMedia({ media: "screen" });
}

/** Takes a picture for the README: the first window of a page, or that which begins with something. */
export async function picture(page: Page, name: string, look: keyof typeof SHOWN, from?: Locator): Promise<void> {
  mkdirSync(PICTURES, { recursive: true });
  const { colorScheme, viewport } = SHOWN[look];
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(look === "phone" ? viewport : WINDOW);
  await settle(page);
  const top = (await from?.evaluate((element) => element.getBoundingClientRect().top + scrollY - 12)) ?? 0;
  await page.evaluate((to) => { scrollTo(0, to); }, top);
  await shoot(page, join(PICTURES, `${name}.png`), false);
}
