// How pages are looked at: light and dark, wide and narrow.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { assertAccessible } from "./browser.ts";

export const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
  { name: "narrowest", colorScheme: "dark", viewport: { width: 320, height: 640 } },
] as const;

/** Fails with what axe finds, and where the page is wider than its window. */
export async function assertLooks(page: Page): Promise<void> {
  await assertAccessible(page);
  const [width, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth] as const);
  assert.equal(width, window);
}
