// The playground with the microphone.
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { startBrowser, visit } from "./browser.ts";
import { assertHeard, enterKey } from "./playground.ts";
import { type Edge, makeKey, type Service, startEdge, startService } from "./processes.ts";

let service: Service, edge: Edge, browser: Browser, key: string;

before(async () => {
  service = await startService();
  [edge, browser] = await Promise.all([startEdge(service), startBrowser()]);
  key = await makeKey(edge);
});

after(async () => {
  await browser.close();
  await edge.stop();
  await service.stop();
});

test("what is spoken is recorded, transcribed, played and followed", async (t) => {
  const page = await visit(t, browser, edge.url, { permissions: ["microphone"] });
  await enterKey(page, key);
  await page.getByRole("button", { name: "Record" }).click();
  await page.getByText("Recording").waitFor();
  // The level moves, and so does the clock: to the end of the sample.
  await page.waitForFunction(() => (document.querySelector("meter")?.value ?? 0) > 0.3);
  await page.getByText("0:08").waitFor();
  await page.getByRole("button", { name: "Stop and transcribe" }).click();
  await assertHeard(page);
  await page.getByText(/^recording\.(webm|m4a|ogg)$/).waitFor();
  // What was recorded can be sought in, although it came without its length.
  await page.waitForFunction(() => Number.isFinite(document.querySelector("audio")?.duration));
  await page.locator(".word", { hasText: "walk" }).click();
  await page.locator(".word[data-now=true]", { hasText: "walk" }).waitFor();
});

test("a recording can be kept back, and thrown away", async (t) => {
  const page = await visit(t, browser, edge.url, { permissions: ["microphone"] });
  await page.getByRole("button", { name: "Record" }).click();
  await page.getByText("0:01").waitFor();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByText(/^recording\./).waitFor();
  await page.getByText("Nothing heard yet").waitFor();
  await page.getByRole("button", { name: "Record" }).click();
  await page.getByText("0:01").waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await page.getByText(/^recording\./).waitFor();
});

test("a microphone that is not allowed is explained", async (t) => {
  const page = await visit(t, browser, edge.url, { permissions: [] });
  await page.getByRole("button", { name: "Record" }).click();
  await page.getByText("The microphone is not allowed").waitFor();
  // A file can be chosen all the same.
  await page.getByText("Choose a file").waitFor();
});
