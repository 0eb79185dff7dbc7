// What wants to be more than text, and comes with the audio: what was said in it, its name, the model that heard it, why it
// failed. A host says it that hears whatever a file's bytes spell.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { startBrowser, visit } from "./browser.ts";
import { ask, keep, uploaded } from "./calls.ts";
import { openConsole } from "./console.ts";
import { type Spelt, spell, startHost } from "./host.ts";
import { HOSTILE, hostileNames } from "./hostile.ts";
import { assertApart, assertOnlyText, assertTexts, dialogs, turns } from "./only_text.ts";
import { choose, enterKey, transcribeButton, transcript } from "./playground.ts";
import { type Edge, makeKey, type Service, startEdge } from "./processes.ts";

const PHONE = { viewport: { width: 390, height: 844 } } as const;
const TEXTS = Object.values(HOSTILE);
/** As files are named. */
const NAMES = hostileNames(255);
/** As text stands on a page that shows no blanks around it. */
const trimmed = (texts: readonly string[]): string[] => texts.map((text) => text.trim());

let host: Service, edge: Edge, browser: Browser, key: string, all: string;

before(async () => {
  host = await startHost();
  // What fails is given up at once.
  [edge, browser] = await Promise.all([startEdge(host, { JOB_ATTEMPTS: "1" }), startBrowser()]);
  key = await makeKey(edge);
  all = await keep(edge, key, { name: "all of it.wav", audio: spell(TEXTS) });
});

after(async () => {
  await browser.close();
  await edge.stop();
  await host.stop();
});

const file = (name: string, spelt: Spelt) => ({ name, mimeType: "audio/wav", buffer: spell(spelt) });

async function open(t: Parameters<typeof visit>[0], path: string, of = key): Promise<Page> {
  const page = await visit(t, browser, edge.url + path, PHONE);
  await enterKey(page, of);
  await assertOnlyText(page);
  return page;
}

/** Shows so many entries of a list that comes page by page. */
async function showAll(page: Page, count: number): Promise<void> {
  const entries = page.locator(".entry-name");
  while ((await entries.count()) < count) {
    const shown = await entries.count();
    await page.getByRole("button", { name: "Show more" }).click();
    await entries.nth(shown).waitFor();
  }
}

const pieces = (page: Page): Locator => page.locator(".piece > p");

test("on the playground, in every form of an answer, kept or not", async (t) => {
  const page = await open(t, "/");
  await assertFileNames(page);
  await choose(page, file(NAMES.at(-1) ?? "", TEXTS));
  await page.getByLabel("Names and terms").fill(TEXTS.filter((text) => text.length < 1000).join("\n"));
  for (const [label, isKept] of [["Live, as it is heard", false], ["Live, as it is heard", true], ["JSON with word times", false]] as const) {
    await page.getByLabel("Answer").selectOption({ label });
    await page.getByLabel("Keep the transcript").setChecked(isKept);
    await transcribeButton(page).click();
    await page.getByText(label.startsWith("Live") && !isKept ? "Click a phrase" : "Click a word").waitFor();
    await assertTexts(pieces(page), trimmed(TEXTS));
    await assertOnlyText(page);
  }
  await page.getByLabel("Answer").selectOption({ label: "Subtitles (WebVTT)" });
  await transcribeButton(page).click();
  await page.getByText("Click a phrase").waitFor();
  // Subtitles have no lines within a phrase, and no phrases of nothing.
  const lines = TEXTS.map((text) => text.split(/\s+/).join(" ").trim());
  assert.deepEqual((await pieces(page).allTextContents()).filter((text) => text !== ""), lines.filter((text) => text !== ""));
  await assertOnlyText(page);
  await page.getByLabel("Answer").selectOption({ label: "Text" });
  await transcribeButton(page).click();
  await page.getByText("no times").waitFor();
  assert.equal(await page.locator(".plain").textContent(), TEXTS.map((text) => ` ${text}`).join("").trim());
  await assertOnlyText(page);
  const message = TEXTS.join(" ");
  for (const code of ["constructor", "<script>alert(1)</script>"]) {
    await choose(page, file("refused.wav", { status: 400, code, message }));
    await transcribeButton(page).click();
    await transcript(page).getByRole("alert").waitFor();
    assert.equal((await transcript(page).getByRole("alert").locator("p").first().textContent())?.trim(), message.trim());
    await assertOnlyText(page);
  }
});

/** Chooses files of all names, one after the other: what stands there for them. */
async function assertFileNames(page: Page): Promise<void> {
  const found = await page.evaluate(async (names) => {
    const input = document.querySelector<HTMLInputElement>("input[type=file]");
    const shown: { text: string; bidi: string }[] = [];
    for (const name of names) {
      const chosen = new DataTransfer();
      chosen.items.add(new File(["RIFF"], name));
      if (input) input.files = chosen.files;
      input?.dispatchEvent(new Event("change", { bubbles: true }));
      await new Promise((done) => { setTimeout(done); });
      const line = document.querySelector(".file-name");
      if (line) shown.push({ text: line.textContent, bidi: getComputedStyle(line).unicodeBidi });
    }
    return shown;
  }, NAMES);
  assertApart(found, NAMES);
}

test("among the kept transcripts: what was said, their names, the model, the file that is saved", async (t) => {
  const of = await makeKey(edge, { owner: "named" });
  const ids = await Promise.all(NAMES.map((name, at) => keep(edge, of, { name, audio: spell([`Number ${String(at)}: ${TEXTS[at] ?? ""}`]), model: NAMES[at] ?? "" })));
  const page = await open(t, "/transcripts", of);
  await page.locator(".entry-name").nth(29).waitFor();
  await showAll(page, NAMES.length);
  await assertTexts(page.locator(".entry-name"), NAMES);
  await assertOnlyText(page);
  for (const [at, id] of ids.entries()) {
    await turns(page, [`#${id}`], "h1");
    await page.locator(`.entry[href="#${id}"][aria-current]`).waitFor({ state: "attached" });
    await page.waitForFunction((wanted) => document.querySelector(".opened-name")?.textContent === wanted, NAMES[at] ?? "");
    assert.ok((await page.locator(".opened .known dd").allTextContents()).includes(NAMES[at] ?? ""));
    await assertOnlyText(page);
  }
  await page.getByRole("button", { name: "Delete…" }).click();
  await assertTexts(page.getByRole("dialog").locator("bdi"), [NAMES.at(-1) ?? ""]);
  await page.getByRole("button", { name: "Keep it" }).click();
  await enterAnew(page, key);
  await turns(page, [`#${all}`], "h1");
  await pieces(page).nth(TEXTS.length - 1).waitFor();
  await assertTexts(pieces(page), trimmed(TEXTS));
  await assertOnlyText(page);
});

async function enterAnew(page: Page, other: string): Promise<void> {
  await page.getByRole("button", { name: "Forget" }).click();
  await enterKey(page, other);
}

test("a search takes all of it, and none of it is a fault of the service", async (t) => {
  const page = await open(t, "/transcripts");
  for (const search of ["' OR 1=1 --", '"', "<script>", "NEAR(a b)", "\u202eabc", "words:x AND", "a".repeat(10_000)]) {
    await page.getByLabel("Search", { exact: true }).fill(search);
    await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
    assert.equal(await page.getByRole("alert").count(), 0, search);
  }
  for (const text of TEXTS) {
    const answer = await fetch(`${edge.url}/v1/transcripts?q=${encodeURIComponent(text)}`, { headers: { authorization: `Bearer ${key}` } });
    const said = await answer.text();
    assert.ok(answer.status === 200 || answer.status === 400, `${text}: ${String(answer.status)} ${said}`);
  }
});

test("on the page behind a link, in what is shown of it elsewhere, and in its downloads", async (t) => {
  const of = await makeKey(edge, { owner: "shared" });
  const share = async (id: string, by: string): Promise<string> => ((await (await ask(edge, by, "POST", `/v1/transcripts/${id}/share`)).json()) as { url: string }).url;
  const page = await visit(t, browser, await share(all, key), PHONE);
  // What reads HTML knows one end of a line, and no byte of nothing.
  await assertTexts(page.locator(".segments p"), trimmed(TEXTS).map((text) => text.replaceAll("\r\n", "\n").replaceAll("\0", "")));
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  const bidi = /[\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;
  for (const name of NAMES) {
    const link = await share(await keep(edge, of, { name, audio: spell([name]), model: name }), of);
    await page.goto(link);
    const shown = name.replace(bidi, "").trim();
    const found = await page.evaluate(() => ({
      title: document.title,
      heading: document.querySelector("h1")?.textContent,
      preview: document.querySelector<HTMLMetaElement>("meta[property='og:title']")?.content,
      elements: Array.from(document.querySelectorAll("*"), ({ localName }) => localName).filter((one) => /^(script|img|svg|math|iframe|object|embed|base|form|input|template)$/.test(one)),
      isWide: document.documentElement.scrollWidth > innerWidth,
    }));
    // `document.title` has one blank where there are many.
    const title = shown.replace(/[\t\n\f\r ]+/g, " ");
    assert.deepEqual(found, { title: title || "Transcript", heading: shown || "Transcript", preview: shown || "Transcript", elements: [], isWide: false });
    const saved = await fetch(`${link}?format=text`);
    const disposition = saved.headers.get("content-disposition") ?? "";
    assert.match(disposition, /^attachment; filename="[A-Za-z0-9 ._-]*\.txt"; filename\*=UTF-8''[A-Za-z0-9._~%-]*\.txt$/);
    assert.equal(saved.headers.get("x-content-type-options"), "nosniff");
    assert.match(saved.headers.get("content-type") ?? "", /^text\/plain/);
    await saved.body?.cancel();
  }
});

test("among the jobs: their names, why they failed, and what an administrator sees of that", async (t) => {
  const of = await makeKey(edge, { owner: "jobs" });
  const made = async (name: string, spelt: Spelt): Promise<void> => {
    const upload_id = await uploaded(edge, of, name, new Blob([Uint8Array.from(spell(spelt))]));
    await ask(edge, of, "POST", "/v1/jobs", { upload_id, name });
  };
  const page = await open(t, "/jobs", of);
  await assertFileNames(page);
  const names = TEXTS.map((_, at) => NAMES[at] ?? "one more");
  for (const [at, text] of TEXTS.entries()) await made(names[at] ?? "", { status: 500, code: text, message: text });
  await page.getByRole("button", { name: "Load again" }).click();
  await page.locator(".entry-name").nth(19).waitFor();
  await showAll(page, TEXTS.length);
  await page.waitForFunction((count) => document.querySelectorAll("[data-state=failed] .notice").length === count, TEXTS.length);
  await assertTexts(page.locator(".entry-name"), names);
  await assertTexts(page.locator("[data-state=failed] .notice p"), TEXTS);
  await assertOnlyText(page);

  const console = await openConsole(t, browser, edge, "#jobs?owner=jobs", PHONE);
  await console.getByRole("row").nth(TEXTS.length).waitFor();
  await assertTexts(console.locator("tbody th > span"), names);
  await assertOnlyText(console);
});

test("a job that waits is asked after by its name, and so is an upload that was not finished", async (t) => {
  const idle = await startEdge(null);
  t.after(idle.stop);
  const of = await makeKey(idle);
  for (const name of NAMES) {
    const upload_id = await uploaded(idle, of, name, new Blob(["audio"]));
    await ask(idle, of, "POST", "/v1/jobs", { upload_id, name });
  }
  const page = await visit(t, browser, `${idle.url}/jobs`, PHONE);
  await page.evaluate((name) => { sessionStorage.setItem("whisper-edge.upload", JSON.stringify({ id: "up_1", name, size: 1, lastModified: 1 })); }, NAMES.at(-1));
  await page.reload();
  await assertTexts(page.locator(".unfinished bdi"), [NAMES.at(-1) ?? ""]);
  await enterKey(page, of);
  await page.locator(".entry-name").nth(19).waitFor();
  await assertOnlyText(page);
  const shown = await page.locator(".entry-name").allTextContents();
  assertApart(await dialogs(page, ".entry .actions button", "bdi"), shown);
  await assertOnlyText(page);
});

test("words of the API's own errors are text on every page", async (t) => {
  const message = Object.values(HOSTILE).filter((text) => text.length < 1000).join(" ");
  const body = JSON.stringify({ error: { message, type: "invalid_request_error", param: message, code: "invalid_value" } });
  for (const path of ["/", "/transcripts", "/jobs", "/keys", "/admin"]) {
    const page = await visit(t, browser, edge.url + path, PHONE);
    await page.route(/\/(v1|admin|portal)\//, (route) => route.fulfill({ status: 400, headers: { "x-request-id": "<img src=x onerror=alert(1)>" }, contentType: "application/json", body }));
    if (path === "/keys") await page.reload();
    else {
      await page.locator("input[type=password]").fill("wk_live_any");
      await page.getByRole("button", { name: "Use this key" }).click();
    }
    const alert = page.getByRole("alert").first();
    await alert.waitFor();
    assert.ok((await alert.locator("p").first().textContent())?.includes(message));
    await assertOnlyText(page);
    await page.context().close();
  }
});

test("what is saved is the answer, byte for byte", async (t) => {
  const page = await open(t, `/transcripts#${all}`);
  for (const [end, format] of [["txt", "text"], ["srt", "srt"], ["vtt", "vtt"], ["json", "verbose_json"]] as const) {
    const coming = page.waitForEvent("download");
    await page.getByRole("button", { name: `Download ${end}` }).click();
    const answer = await ask(edge, key, "GET", `/v1/transcripts/${all}?format=${format}`);
    assert.equal(readFileSync(await (await coming).path(), "utf8"), await answer.text());
  }
});
