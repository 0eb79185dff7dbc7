// The playground with a file: from choosing it to what is done with its transcript.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { SAMPLE, startBrowser, visit, wavOf } from "./browser.ts";
import { assertHeard, choose, enterKey, transcribeButton } from "./playground.ts";
import { type Edge, folder, makeKey, type Service, startEdge, startService } from "./processes.ts";

const run = promisify(execFile);
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

const currentTime = (page: Page): Promise<number> => page.locator("audio").evaluate((audio: HTMLAudioElement) => audio.currentTime);

test("the text comes piece by piece while it is heard", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  // Half a minute: several pieces, one after the other.
  await choose(page, { name: "long.wav", mimeType: "audio/wav", buffer: await wavOf(browser, SAMPLE, 4) });
  // Every state in which the page was while the answer came.
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { seen });
    new MutationObserver(() => {
      const pieces = document.querySelectorAll(".piece").length;
      const busy = document.querySelector(".result")?.getAttribute("aria-busy") ?? "";
      const state = `${busy} ${String(pieces)}`;
      if (seen.at(-1) !== state) seen.push(state);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  await transcribeButton(page).click();
  await assertHeard(page);
  const seen = await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen);
  const early = seen.filter((state) => /^true [1-9]/.test(state));
  assert.ok(early.length >= 2, `pieces stood there while the rest was still being heard: ${seen.join(", ")}`);
  assert.match(seen.at(-1) ?? "", /^false [4-9]/);
});

test("phrases follow the audio, and a click on one seeks", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  await choose(page, SAMPLE);
  await transcribeButton(page).click();
  await assertHeard(page);
  await page.getByText("Click a phrase to hear it").waitFor();
  await page.locator(".word", { hasText: "walk" }).click();
  await page.locator(".piece[aria-current] .word[data-now=true]", { hasText: "walk" }).waitFor();
  assert.ok((await currentTime(page)) > 3);
  // The keyboard's way: the time of a piece is a button.
  await page.getByRole("button", { name: "Play from 0:00" }).press("Enter");
  await page.locator(".piece[aria-current] .word[data-now=true]", { hasText: "morning" }).waitFor();
});

test("a kept transcript is followed word by word, shared, and the link ends", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  await choose(page, SAMPLE);
  await page.getByLabel("Keep the transcript").check();
  await transcribeButton(page).click();
  await assertHeard(page);
  await page.getByText("Click a word to hear it").waitFor();
  await page.locator(".word", { hasText: /^birds$/ }).click();
  await page.locator(".word[data-now=true]", { hasText: /^birds$/ }).waitFor();
  assert.ok(Math.abs((await currentTime(page)) - 3) < 1);
  // It goes on by itself while it plays.
  await page.locator(".word[data-now=true]", { hasText: /^(are|singing)$/ }).waitFor();

  await page.getByRole("button", { name: "Share…" }).click();
  await page.getByLabel("The link ends").selectOption({ label: "After a day" });
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = await page.getByLabel("The link, shown this once").inputValue();
  const shared = await fetch(link);
  assert.equal(shared.status, 200);
  assert.match(await shared.text(), /go for a walk/);
  await page.getByRole("button", { name: "End all links" }).click();
  await page.getByText("All links to this transcript have ended.").waitFor();
  assert.equal((await fetch(link)).status, 404);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Share…");
});

test("downloads are what the API would have answered", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  await choose(page, SAMPLE);
  await page.getByLabel("Keep the transcript").check();
  const answered = page.waitForResponse((response) => response.url().includes("/v1/audio/transcriptions"));
  await transcribeButton(page).click();
  const id = (await answered).headers()["x-transcript-id"] ?? "";
  await page.getByText("Click a word to hear it").waitFor();
  for (const [end, format] of [["txt", "text"], ["srt", "srt"], ["vtt", "vtt"]] as const) {
    const coming = page.waitForEvent("download");
    await page.getByRole("button", { name: `Download ${end}` }).click();
    const download = await coming;
    assert.equal(download.suggestedFilename(), `sample.${end}`);
    const answer = await fetch(`${edge.url}/v1/transcripts/${id}?format=${format}`, { headers: { authorization: `Bearer ${key}` } });
    assert.equal(readFileSync(await download.path(), "utf8"), await answer.text());
  }
  const coming = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download json" }).click();
  const json = JSON.parse(readFileSync(await (await coming).path(), "utf8")) as { segments: unknown[]; words: { word: string }[] };
  assert.ok(json.segments.length >= 2 && json.words.some(({ word }) => word === "birds"));
});

test("every answer that can be chosen is shown as it came", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  await choose(page, SAMPLE);
  for (const [label, shown, hint] of [
    ["JSON with word times", /"words":\[/, "Click a word"],
    ["JSON", /"usage":/, "no times"],
    ["Text", null, "no times"],
    ["Subtitles (SRT)", /00:00:0\d,\d{3} --> /, "Click a phrase"],
    ["Subtitles (WebVTT)", /^WEBVTT/, "Click a phrase"],
  ] as const) {
    await page.getByLabel("Answer").selectOption({ label });
    await transcribeButton(page).click();
    await page.getByText(hint).waitFor();
    await assertHeard(page);
    if (shown) assert.match(await page.locator(".raw").innerText(), shown);
    else assert.equal(await page.locator(".raw").count(), 0);
  }
});

test("the code that is shown does exactly this request", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  await choose(page, SAMPLE);
  // What a shell, or a string, would read as its own.
  await page.getByLabel("Names and terms").fill(`it's "quoted" $HOME \\ @file; rm`);
  await page.getByLabel("Spoken language").selectOption("en");
  const here = folder();
  copyFileSync(SAMPLE, join(here, "sample.flac"));
  const options = { cwd: here, env: { ...process.env, API_KEY: key, NO_PROXY: "127.0.0.1" } };
  for (const answer of ["Live, as it is heard", "Text"]) {
    await page.getByLabel("Answer").selectOption({ label: answer });
    const shown = (): Promise<string> => page.getByRole("tabpanel").locator("code").innerText();
    const said: string[] = [];
    await page.getByRole("tab", { name: "curl" }).click();
    said.push((await run("sh", ["-c", await shown()], options)).stdout);
    await page.getByRole("tab", { name: "JavaScript" }).click();
    writeFileSync(join(here, "code.mjs"), await shown());
    said.push((await run(process.execPath, ["code.mjs"], options)).stdout);
    const python = process.env.E2E_PYTHON;
    if (python !== undefined && python !== "") {
      await page.getByRole("tab", { name: "Python" }).click();
      said.push((await run(python, ["-c", await shown()], options)).stdout);
    }
    for (const text of said) assert.match(text, /go for a walk/);
  }
});

test("what was chosen and typed outlives a reload, and the key can be forgotten", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  await page.getByLabel("Names and terms").fill("Simplicius");
  await page.getByLabel("Answer").selectOption({ label: "Text" });
  await page.reload();
  await page.getByText("wk_live_…").waitFor();
  assert.equal(await page.getByLabel("Names and terms").inputValue(), "Simplicius");
  assert.equal(await page.getByLabel("Answer").inputValue(), "text");
  assert.ok(!page.url().includes("wk_"));
  await page.getByRole("button", { name: "Forget" }).click();
  await page.getByLabel("API key").waitFor();
  assert.equal(await page.evaluate(() => JSON.stringify(sessionStorage).includes("wk_")), false);
});
