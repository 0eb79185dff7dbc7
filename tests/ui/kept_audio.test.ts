// Audio that a job keeps: played beside the transcript, by its owner and behind a link, with and without a script, and within
// another page where the link may be embedded.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { SAMPLE, startBrowser, visit, wavOf } from "./browser.ts";
import { assertLooks, LOOKS } from "./looks.ts";
import { choose, enterKey } from "./playground.ts";
import { type Edge, makeKey, type Service, startEdge, startService } from "./processes.ts";

let service: Service, edge: Edge, browser: Browser, key: string, wav: Buffer;

before(async () => {
  service = await startService();
  [edge, browser] = await Promise.all([startEdge(service), startBrowser()]);
  key = await makeKey(edge);
  wav = await wavOf(browser, SAMPLE, 3);
});

after(async () => {
  await browser.close();
  await edge.stop();
  await service.stop();
});

const opened = (page: Page): Locator => page.getByRole("region", { name: "Transcript", exact: true });

/** Where the player is, in seconds, once it is somewhere. */
const position = (page: Page): Promise<number> =>
  page.locator("audio").evaluate(
    (audio: HTMLAudioElement) => new Promise<number>((done) => { audio.addEventListener("seeked", () => { done(audio.currentTime); }, { once: true }); }),
  );

/** The page of a job whose audio is kept, at its transcript. */
async function transcribed(t: Parameters<typeof visit>[0], name: string): Promise<Page> {
  const page = await visit(t, browser, `${edge.url}/jobs`);
  await enterKey(page, key);
  await choose(page, { name, mimeType: "audio/wav", buffer: wav });
  await page.getByLabel("Keep the audio").check();
  await page.getByRole("button", { name: "Upload and start" }).click();
  await page.getByRole("listitem").filter({ hasText: name }).getByRole("link", { name: "Read it" }).click();
  // Its name is that of the first who was heard like this.
  await opened(page).getByRole("heading", { name: "a talk.wav" }).waitFor();
  return page;
}

test("what a job kept is played beside its transcript, and its times seek", async (t) => {
  const page = await transcribed(t, "a talk.wav");
  await opened(page).getByRole("button", { name: "Listen" }).click();
  const times = opened(page).getByRole("button", { name: /^Play from/ });
  await times.nth(1).waitFor();
  const arrived = position(page);
  await times.nth(1).click();
  assert.ok((await arrived) > 1);
  await opened(page).locator(".piece[aria-current]").waitFor();
  await page.locator("audio").evaluate((audio: HTMLAudioElement) => { audio.pause(); });
  await assertLooks(page);
});

test("behind a link it is played as well, and read without a script; only where it may be, within another page", async (t) => {
  const page = await transcribed(t, "the same again.wav");
  await opened(page).getByRole("button", { name: "Share…" }).click();
  await page.getByLabel("Other pages may embed it").check();
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = await page.getByLabel("The link, shown this once").inputValue();
  const frame = await page.getByLabel("To embed it").inputValue();
  await page.getByRole("button", { name: "Close", exact: true }).last().click();

  for (const { name, ...options } of LOOKS) {
    const shared = await visit(t, browser, link, options);
    await shared.locator("audio").evaluate((audio: HTMLAudioElement) => audio.readyState > 0 || new Promise((done) => { audio.addEventListener("loadedmetadata", done, { once: true }); }));
    const times = shared.locator(".segments a");
    const arrived = position(shared);
    await times.nth(1).click();
    assert.ok((await arrived) > 1, name);
    assert.equal(shared.url(), link, name);
    await shared.locator(".segments li[aria-current]").waitFor();
    await shared.locator("audio").evaluate((audio: HTMLAudioElement) => { audio.pause(); });
    await assertLooks(shared);
  }
  const plain = await visit(t, browser, link, { javaScriptEnabled: false });
  await plain.getByText("go for a walk").first().waitFor();
  const target = await plain.locator(".segments a").nth(1).getAttribute("href");
  assert.match(target ?? "", /^\/t\/[A-Za-z0-9]{32}\/audio#t=\d+\.\d\d$/);
  const part = await fetch(new URL(target ?? "", edge.url), { headers: { range: "bytes=0-3" } });
  assert.deepEqual([part.status, await part.text(), part.headers.get("content-type")], [206, "RIFF", "audio/wav"]);

  await opened(page).getByRole("button", { name: "Share…" }).click();
  await page.getByRole("button", { name: "Make a link" }).click();
  const unframed = await page.getByLabel("The link, shown this once").inputValue();
  // Another site, which has both in frames.
  const site = createServer((_, answer) => {
    answer.setHeader("content-type", "text/html");
    answer.end(`<!doctype html><h1>Another site</h1>${frame}<iframe title="not this one" src="${unframed}"></iframe>`);
  });
  await once(site.listen(0, "127.0.0.1"), "listening");
  t.after(() => { site.close(); });
  const context = await browser.newContext();
  t.after(() => context.close());
  const elsewhere = await context.newPage();
  const refused = elsewhere.waitForEvent("console", (message) => message.text().includes("frame-ancestors"));
  await elsewhere.goto(`http://localhost:${String((site.address() as AddressInfo).port)}`);
  await elsewhere.frameLocator('iframe[title="Transcript"]').getByRole("heading", { name: "a talk.wav" }).waitFor();
  assert.ok((await refused).text().includes(new URL(unframed).origin));
  assert.equal(await elsewhere.frameLocator('iframe[title="not this one"]').getByRole("heading", { name: "a talk.wav" }).count(), 0);
});
