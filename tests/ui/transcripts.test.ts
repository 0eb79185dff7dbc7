// The kept transcripts: listed, searched, opened, shared, exported, deleted; and what goes wrong there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { SAID, startBrowser, visit, wavOf, SAMPLE } from "./browser.ts";
import { ask, keep } from "./calls.ts";
import { assertLooks, LOOKS } from "./looks.ts";
import { enterKey } from "./playground.ts";
import { type Edge, makeKey, type Service, startEdge, startService } from "./processes.ts";

let service: Service, edge: Edge, browser: Browser, key: string, quiet: Buffer, talk: string;

/** A key of an account of its own. */
const account = (owner: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> => makeKey(edge, { owner, ...more });

before(async () => {
  service = await startService();
  [edge, browser] = await Promise.all([startEdge(service), startBrowser()]);
  key = await makeKey(edge);
  const wav = await wavOf(browser, SAMPLE, 1);
  // A tenth of a second of nothing.
  quiet = Buffer.concat([wav.subarray(0, 44), Buffer.alloc(3200)]);
  quiet.writeUInt32LE(36 + 3200, 4);
  quiet.writeUInt32LE(3200, 40);
  talk = await keep(edge, key, { name: "the talk.flac" });
  await keep(edge, key, { name: "silence.wav", audio: quiet });
});

after(async () => {
  await browser.close();
  await edge.stop();
  await service.stop();
});

const list = (page: Page): Locator => page.getByRole("region", { name: "Kept transcripts" });
const opened = (page: Page): Locator => page.getByRole("region", { name: "Transcript", exact: true });
const entry = (page: Page, name: string): Locator => list(page).getByRole("link", { name });

async function open(t: Parameters<typeof visit>[0], options: Parameters<typeof visit>[3] & { readonly of?: string; readonly at?: string } = {}): Promise<Page> {
  const { of = key, at = "", ...rest } = options;
  const page = await visit(t, browser, `${edge.url}/transcripts${at}`, rest);
  await enterKey(page, of);
  return page;
}

test("one is opened from the list and read; back and forward go where they should", async (t) => {
  const page = await visit(t, browser, `${edge.url}/transcripts`);
  await list(page).getByText("No key yet").waitFor();
  await enterKey(page, key);
  await entry(page, "silence.wav").waitFor();
  await entry(page, "the talk.flac").click();
  await opened(page).getByRole("heading", { name: "the talk.flac" }).waitFor();
  const text = (await opened(page).locator(".pieces").innerText()).replace(/\s+/g, " ");
  for (const words of SAID) assert.match(text, words);
  assert.match(text, /^0:00 /);
  for (const fact of ["English", "tiny.en", "0:0"]) assert.ok((await opened(page).locator(".known").innerText()).includes(fact), fact);
  assert.ok(page.url().endsWith(`/transcripts#${talk}`));
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "the talk.flac");

  await entry(page, "silence.wav").click();
  await opened(page).getByRole("heading", { name: "silence.wav" }).waitFor();
  await page.goBack();
  await opened(page).getByRole("heading", { name: "the talk.flac" }).waitFor();
  await page.goBack();
  await opened(page).getByText("None is open").waitFor();
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ""), /the talk\.flac/);
  await page.goForward();
  await opened(page).getByRole("heading", { name: "the talk.flac" }).waitFor();
  // The address alone leads there, in this tab, which knows the key.
  await page.reload();
  await opened(page).getByRole("heading", { name: "the talk.flac" }).waitFor();
  // A place on the page closes nothing.
  await page.getByRole("link", { name: "To the content" }).press("Enter");
  await opened(page).getByRole("heading", { name: "the talk.flac" }).waitFor();
});

test("words, language and days narrow the list; what is asked while typing is the last", async (t) => {
  const page = await open(t);
  await entry(page, "silence.wav").waitFor();
  const asked: string[] = [];
  page.on("request", (request) => { if (request.url().includes("/v1/transcripts?")) asked.push(new URL(request.url()).searchParams.get("q") ?? ""); });
  // The beginning of a word is enough while it is typed.
  await page.getByLabel("Search", { exact: true }).pressSequentially("good morn", { delay: 10 });
  await entry(page, "silence.wav").waitFor({ state: "detached" });
  await entry(page, "the talk.flac").waitFor();
  assert.deepEqual(asked, ["good morn*"]);
  await page.getByLabel("Search", { exact: true }).fill('"morning good"');
  await list(page).getByText("Nothing is found").waitFor();
  await page.getByLabel("Search", { exact: true }).fill("silence");
  await entry(page, "silence.wav").waitFor();
  // What holds no word asks for nothing.
  await page.getByLabel("Search", { exact: true }).fill(" *** ");
  await entry(page, "the talk.flac").waitFor();
  await page.getByLabel("Language").selectOption("de");
  await list(page).getByText("Nothing is found").waitFor();
  await page.getByLabel("Language").selectOption("en");
  await entry(page, "the talk.flac").waitFor();
  const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
  await page.getByLabel("From").fill(day(2));
  await list(page).getByText("Nothing is found").waitFor();
  await page.getByLabel("From").fill(day(-2));
  await page.getByLabel("Until").fill(day(2));
  await entry(page, "the talk.flac").waitFor();
  await page.getByLabel("From").fill("");
  await page.getByLabel("Until").fill(day(-2));
  await list(page).getByText("Nothing is found").waitFor();
  await page.getByRole("button", { name: "Clear the search" }).click();
  await entry(page, "silence.wav").waitFor();
});

test("downloads are the API's answers, and the export is all of them", async (t) => {
  const page = await open(t, { at: `#${talk}` });
  for (const [end, format] of [["txt", "text"], ["srt", "srt"], ["vtt", "vtt"], ["json", "verbose_json"]] as const) {
    const coming = page.waitForEvent("download");
    await opened(page).getByRole("button", { name: `Download ${end}` }).click();
    const download = await coming;
    assert.equal(download.suggestedFilename(), `the talk.${end}`);
    const answer = await ask(edge, key, "GET", `/v1/transcripts/${talk}?format=${format}`);
    assert.equal(readFileSync(await download.path(), "utf8"), await answer.text());
  }
  const coming = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export all" }).click();
  const lines = readFileSync(await (await coming).path(), "utf8").trim().split("\n");
  const names = lines.map((line) => (JSON.parse(line) as { name: string }).name);
  assert.deepEqual(names.sort(), ["silence.wav", "the talk.flac"]);
});

test("a link is made, counted and ended; a deleted transcript is gone, and so is its address", async (t) => {
  const of = await account("deletes");
  const id = await keep(edge, of, { name: "secret.flac" });
  const page = await open(t, { of });
  await entry(page, "secret.flac").click();
  await opened(page).getByRole("button", { name: "Share…" }).click();
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = await page.getByLabel("The link, shown this once").inputValue();
  // It is read without a script.
  const shared = await visit(t, browser, link, { javaScriptEnabled: false });
  await shared.getByRole("heading", { name: "secret.flac" }).waitFor();
  await shared.getByText("go for a walk").waitFor();
  await shared.getByRole("link", { name: "Subtitles (SRT)" }).waitFor();
  await entry(page, "1 link").waitFor();
  await page.getByRole("button", { name: "End all links" }).click();
  await page.getByText("All links to this transcript have ended.").waitFor();
  assert.equal((await fetch(link)).status, 404);
  await entry(page, "1 link").waitFor({ state: "detached" });
  await page.keyboard.press("Escape");

  await opened(page).getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog", { name: "Delete this transcript?" }).getByText("secret.flac").waitFor();
  await page.getByRole("button", { name: "Keep it" }).click();
  await entry(page, "secret.flac").waitFor();
  await opened(page).getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await list(page).getByText("Nothing is kept yet").waitFor();
  await opened(page).getByText("None is open").waitFor();
  assert.ok(!page.url().includes(id));
  await page.goto(`${edge.url}/transcripts#${id}`);
  await opened(page).getByText("It is not there").waitFor();
});

test("a long list comes page by page", async (t) => {
  const of = await account("many");
  for (let count = 1; count <= 31; count += 1) {
    await keep(edge, of, { name: `quiet ${String(count).padStart(2, "0")}.wav`, audio: quiet, prompt: `Number ${String(count)}.` });
  }
  const page = await open(t, { of });
  await entry(page, "quiet 02.wav").waitFor();
  assert.equal(await list(page).getByRole("listitem").count(), 30);
  await page.getByRole("button", { name: "Show more" }).click();
  await entry(page, "quiet 01.wav").waitFor();
  assert.equal(await list(page).getByRole("listitem").count(), 31);
  assert.equal(await page.getByRole("button", { name: "Show more" }).count(), 0);
  await page.getByLabel("Search", { exact: true }).fill("quiet 17");
  await entry(page, "quiet 02.wav").waitFor({ state: "detached" });
  await entry(page, "quiet 17.wav").waitFor();
});

test("what goes wrong is told in words, and nothing typed is lost", async (t) => {
  const page = await open(t, { of: await makeKey(edge, { scopes: ["transcribe"] }) });
  await list(page).getByText("This key may not do that").waitFor();
  await page.getByLabel("Search", { exact: true }).fill("walk");
  await page.getByRole("button", { name: "Forget" }).click();
  await list(page).getByText("No key yet").waitFor();
  await enterKey(page, "wk_live_nobody");
  await list(page).getByText("This key is not known").waitFor();
  await page.getByRole("button", { name: "Forget" }).click();
  await enterKey(page, key);
  await entry(page, "the talk.flac").waitFor();
  assert.equal(await page.getByLabel("Search", { exact: true }).inputValue(), "walk");

  await page.getByRole("button", { name: "Forget" }).click();
  await enterKey(page, await makeKey(edge, { limits: [{ name: "few", kind: "rate", unit: "requests", limit: 1, window_seconds: 6 }] }));
  await entry(page, "the talk.flac").waitFor();
  await page.getByLabel("Search", { exact: true }).fill("morning");
  const notice = list(page).getByRole("alert");
  await notice.getByText("Too many requests").waitFor();
  await notice.locator("[data-countdown]").waitFor();
  await page.waitForFunction(() => document.querySelector("[data-countdown]") === null);
  await notice.getByRole("button", { name: "Try again" }).click();
  await entry(page, "the talk.flac").waitFor();

  await page.getByRole("button", { name: "Forget" }).click();
  await enterKey(page, key);
  await entry(page, "the talk.flac").waitFor();
  await fetch(`${edge.url}/__bindings`, { method: "PUT", body: "DB" });
  await page.getByLabel("Search", { exact: true }).fill("sun");
  await notice.getByText("The transcripts can't be reached now").waitFor();
  await fetch(`${edge.url}/__bindings`, { method: "PUT", body: "" });
  await notice.getByRole("button", { name: "Try again" }).click();
  await entry(page, "the talk.flac").waitFor();
});

for (const { name, ...options } of LOOKS) {
  test(`the transcripts and the page behind a link, ${name}: axe finds nothing, nothing is wider than the window`, async (t) => {
    const page = await visit(t, browser, `${edge.url}/transcripts`, options);
    await list(page).getByText("No key yet").waitFor();
    await assertLooks(page);
    await enterKey(page, key);
    await entry(page, "the talk.flac").waitFor();
    await assertLooks(page);
    await entry(page, "the talk.flac").click();
    await opened(page).getByRole("heading", { name: "the talk.flac" }).waitFor();
    await assertLooks(page);
    await opened(page).getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("dialog").waitFor();
    await assertLooks(page);
    await page.getByRole("button", { name: "Keep it" }).click();
    const shared = (await (await ask(edge, key, "POST", `/v1/transcripts/${talk}/share`)).json()) as { url: string };
    const link = await visit(t, browser, shared.url, options);
    await link.getByText("go for a walk").waitFor();
    await assertLooks(link);
    await ask(edge, key, "DELETE", `/v1/transcripts/${talk}/share`);
  });
}
