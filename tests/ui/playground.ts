// What is done on the playground in many tests.
import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import { SAID } from "./browser.ts";

export async function enterKey(page: Page, key: string): Promise<void> {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Use this key" }).click();
}

export const choose = (page: Page, file: string | { name: string; mimeType: string; buffer: Buffer }): Promise<void> =>
  page.locator("input[type=file]").setInputFiles(file);

export const transcribeButton = (page: Page): Locator => page.getByRole("button", { name: "Transcribe", exact: true });

export const transcript = (page: Page): Locator => page.getByRole("region", { name: "Transcript" });

/** Waits for the end, and that the sample was heard. */
export async function assertHeard(page: Page): Promise<void> {
  await transcript(page).getByRole("button", { name: "Copy the text" }).waitFor();
  const text = await transcript(page).innerText();
  for (const words of SAID) assert.match(text.replace(/\s+/g, " "), words);
}
