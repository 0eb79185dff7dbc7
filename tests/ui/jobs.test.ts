// Jobs: from a file to its transcript, followed live, cancelled, tried again; and what goes wrong on the way.
import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { SAMPLE, startBrowser, visit, wavOf } from "./browser.ts";
import { ask, uploaded } from "./calls.ts";
import { assertLooks, LOOKS } from "./looks.ts";
import { choose, enterKey } from "./playground.ts";
import { type Edge, folder, makeKey, type Service, startEdge, startService } from "./processes.ts";
import { type Relay, startRelay } from "./relay.ts";

/** `idle`: an edge without a service, whose jobs wait for ever. */
let service: Service, edge: Edge, idle: Edge, relay: Relay, browser: Browser, key: string, idleKey: string, wav: Buffer;

before(async () => {
  service = await startService();
  [edge, idle, browser] = await Promise.all([startEdge(service), startEdge(null), startBrowser()]);
  relay = await startRelay(edge.url);
  [key, idleKey] = await Promise.all([makeKey(edge), makeKey(idle)]);
  wav = await wavOf(browser, SAMPLE, 1);
});

after(async () => {
  await browser.close();
  await relay.stop();
  await Promise.all([edge.stop(), idle.stop()]);
  await service.stop();
});

const list = (page: Page): Locator => page.getByRole("region", { name: "Your jobs" });
const card = (page: Page, name: string): Locator => list(page).getByRole("listitem").filter({ hasText: name });
const start = (page: Page): Locator => page.getByRole("button", { name: "Upload and start" });

async function open(t: TestContext, url: string, of: string, options: Parameters<typeof visit>[3] = {}): Promise<Page> {
  const page = await visit(t, browser, `${url}/jobs`, options);
  await enterKey(page, of);
  return page;
}

/** Has a job made that waits on the idle edge. */
async function waiting(of: string, name: string): Promise<string> {
  const upload = await uploaded(idle, of, name.slice(0, 255), new Blob(["audio"]));
  return ((await (await ask(idle, of, "POST", "/v1/jobs", { upload_id: upload, name: name.slice(0, 255) })).json()) as { id: string }).id;
}

test("a file becomes a job, is followed while it is heard, and leads to its transcript", async (t) => {
  const page = await visit(t, browser, `${edge.url}/jobs`);
  await choose(page, { name: "long talk.wav", mimeType: "audio/wav", buffer: await wavOf(browser, SAMPLE, 5) });
  await start(page).click();
  await page.getByText("Enter a key first.").waitFor();
  await enterKey(page, key);
  await list(page).getByText("No jobs yet").waitFor();
  // Every state in which the job was seen.
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { seen });
    new MutationObserver(() => {
      const job = document.querySelector<HTMLElement>(".job-list [data-state]");
      const state = `${job?.dataset.state ?? ""} ${String(job?.querySelector("progress")?.value ?? "")}`;
      if (job && seen.at(-1) !== state) seen.push(state);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  const asked: string[] = [];
  page.on("request", (request) => { asked.push(`${request.method()} ${new URL(request.url()).pathname}`); });
  await start(page).click();
  const read = card(page, "long talk.wav").getByRole("link", { name: "Read it" });
  await read.waitFor();
  await page.getByLabel("Names and terms").fill("sunshine");
  const seen = await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen);
  assert.ok(seen.some((state) => /^running 0\.\d/.test(state)), `its progress was seen: ${seen.join(", ")}`);
  assert.equal(asked.filter((request) => request === "GET /v1/jobs").length, 0, "what is listened to is not asked after");
  assert.equal(asked.filter((request) => request.endsWith("/events")).length, 1);
  await read.click();
  const text = page.getByRole("region", { name: "Transcript", exact: true });
  await text.getByRole("heading", { name: "long talk.wav" }).waitFor();
  await text.getByText("go for a walk").first().waitFor();
  await page.goBack();
  await card(page, "long talk.wav").waitFor();
  assert.equal(await page.getByLabel("Names and terms").inputValue(), "sunshine");
});

test("a network that is lost amid an upload: only what is missing is sent again, after a reload too", async (t) => {
  // A file of two parts: the sample behind many bytes that say nothing.
  const path = join(folder(), "two parts.wav");
  const nothing = Buffer.alloc(66 * 1024 * 1024 + 8);
  nothing.write("JUNK");
  nothing.writeUInt32LE(nothing.length - 8, 4);
  const whole = Buffer.concat([wav.subarray(0, 12), nothing, wav.subarray(12)]);
  whole.writeUInt32LE(whole.length - 8, 4);
  writeFileSync(path, whole);

  const page = await open(t, relay.url, key);
  const sent: string[] = [];
  page.on("request", (request) => { if (request.method() === "PUT") sent.push(new URL(request.url()).searchParams.get("part") ?? ""); });
  await choose(page, path);
  const loseNetwork = async (after: number, begin: () => Promise<void>): Promise<void> => {
    const held = relay.holdUpload(after);
    await begin();
    await held;
    relay.cut();
    await page.getByRole("alert").getByText("The connection was lost").waitFor();
    relay.mend();
  };
  await loseNetwork(65 * 1024 * 1024, () => start(page).click());
  assert.deepEqual(sent, ["1", "2"]);
  await loseNetwork(1024 * 1024, () => page.getByRole("alert").getByRole("button", { name: "Try again" }).click());
  assert.deepEqual(sent, ["1", "2", "2"]);
  await page.reload();
  await page.getByText("The upload of “two parts.wav” is not finished").waitFor();
  await choose(page, path);
  await start(page).click();
  await card(page, "two parts.wav").getByRole("link", { name: "Read it" }).waitFor();
  assert.deepEqual(sent, ["1", "2", "2", "2"]);
  assert.equal(await page.getByText("is not finished").count(), 0);
});

test("an upload can be stopped; what has arrived of it is thrown away", async (t) => {
  const page = await open(t, relay.url, key);
  await choose(page, { name: "given up.wav", mimeType: "audio/wav", buffer: Buffer.concat([wav, Buffer.alloc(2_000_000)]) });
  const held = relay.holdUpload(500_000);
  const begun = page.waitForRequest((request) => request.method() === "PUT");
  await start(page).click();
  await held;
  const id = new URL((await begun).url()).pathname.split("/").at(-1) ?? "";
  const deleted = page.waitForResponse((response) => response.request().method() === "DELETE");
  relay.mend();
  await page.getByRole("button", { name: "Stop the upload" }).click();
  await deleted;
  await assert.rejects(ask(edge, key, "GET", `/v1/uploads/${id}`), /not_found/);
  await start(page).waitFor();
  await page.getByText("given up.wav").waitFor();
});

test("a file of two gigabytes goes in parts; one of more than five is refused in words, and nothing of it is sent", async (t) => {
  // The disk holds none of them.
  const sparse = (name: string, bytes: number): string => {
    const path = join(folder(), name);
    writeFileSync(path, "RIFF");
    truncateSync(path, bytes);
    return path;
  };
  const page = await open(t, idle.url, await makeKey(idle, { owner: "huge" }));
  await list(page).getByText("No jobs yet").waitFor();
  const asked: string[] = [];
  page.on("request", (request) => { if (request.method() !== "GET") asked.push(request.method()); });
  await choose(page, sparse("too much.wav", 5 * 1024 ** 3 + 1));
  await page.getByText("The file is too large").waitFor();
  assert.ok(await start(page).isDisabled());
  assert.deepEqual(asked, []);
  await choose(page, sparse("two gigabytes.wav", 2 * 1024 ** 3));
  await start(page).click();
  await page.getByText(/^Part \d+ of 32$/).waitFor();
  const deleted = page.waitForResponse((response) => response.request().method() === "DELETE");
  await page.getByRole("button", { name: "Stop the upload" }).click();
  await deleted;
  await start(page).waitFor();
});

test("a job is cancelled, once that is confirmed", async (t) => {
  await waiting(idleKey, "to be cancelled");
  const page = await open(t, idle.url, idleKey);
  const job = card(page, "to be cancelled");
  await job.getByText("Waits for its turn").waitFor();
  await job.getByRole("button", { name: "Cancel…" }).click();
  await page.getByRole("button", { name: "Let it run" }).click();
  await job.getByText("Waits for its turn").waitFor();
  await job.getByRole("button", { name: "Cancel…" }).click();
  await page.getByRole("button", { name: "Cancel the job" }).click();
  await job.getByText("Cancelled", { exact: true }).waitFor();
  assert.equal(await job.getByRole("button").count(), 0);
});

test("a failed job says why, and is tried again as long as its file is there", async (t) => {
  const page = await open(t, edge.url, await makeKey(edge, { owner: "failures" }));
  await choose(page, { name: "no audio.wav", mimeType: "audio/wav", buffer: Buffer.from("This is no audio. ".repeat(100)) });
  await page.getByText("This does not look like audio").waitFor();
  const made = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/v1/jobs"));
  await start(page).click();
  const { upload_id } = (await made).postDataJSON() as { upload_id: string };
  await list(page).getByText("This is not audio that can be read").waitFor();
  await card(page, "no audio.wav").getByRole("button", { name: "Try again" }).click();
  await list(page).getByText("This is not audio that can be read").nth(1).waitFor();
  const authorization = (await (await made).allHeaders()).authorization ?? "";
  await fetch(`${edge.url}/v1/uploads/${upload_id}`, { method: "DELETE", headers: { authorization } });
  await card(page, "no audio.wav").first().getByRole("button", { name: "Try again" }).click();
  await list(page).getByText("The file is not there any more").waitFor();
});

test("many jobs: page by page, by state, a few are listened to and the others asked after", async (t) => {
  const of = await makeKey(idle, { owner: "many" });
  const upload = await uploaded(idle, of, "many.wav", new Blob(["audio"]));
  const batch = Array.from({ length: 21 }, (_, index) => ({ upload_id: upload, name: `job ${String(index + 1).padStart(2, "0")}` }));
  const { data } = (await (await ask(idle, of, "POST", "/v1/jobs/batch", { jobs: batch })).json()) as { data: { job: { id: string; name: string } }[] };
  const page = await visit(t, browser, `${idle.url}/jobs`);
  const listened = new Set<string>();
  page.on("request", (request) => { if (request.url().endsWith("/events")) listened.add(request.url()); });
  await enterKey(page, of);
  await list(page).getByRole("listitem").nth(19).waitFor();
  await page.getByRole("button", { name: "Show more" }).click();
  await list(page).getByRole("listitem").nth(20).waitFor();
  // One that nobody listens to ends elsewhere: it is seen all the same.
  const quiet = data.map(({ job }) => job).find(({ id }) => ![...listened].some((url) => url.includes(id)));
  assert.ok(quiet);
  await ask(idle, of, "DELETE", `/v1/jobs/${quiet.id}`);
  await card(page, quiet.name).getByText("Cancelled", { exact: true }).waitFor();
  assert.ok(listened.size <= 3, [...listened].join(" "));
  await page.getByLabel("Show").selectOption("cancelled");
  await list(page).getByRole("listitem").nth(1).waitFor({ state: "detached" });
  await card(page, quiet.name).waitFor();
  assert.equal(await list(page).getByRole("listitem").count(), 1);
  await page.getByLabel("Show").selectOption("failed");
  await list(page).getByText("None like that").waitFor();
});

test("what goes wrong is told in words, and nothing chosen or typed is lost", async (t) => {
  const page = await open(t, edge.url, await makeKey(edge, { scopes: ["transcribe"] }));
  await list(page).getByText("This key may not do that").waitFor();
  await choose(page, { name: "kept.wav", mimeType: "audio/wav", buffer: wav });
  await page.getByLabel("Names and terms").fill("kept");
  await start(page).click();
  await page.getByRole("region", { name: "A new job" }).getByText("This key may not do that").waitFor();
  await page.getByRole("button", { name: "Forget" }).click();
  await list(page).getByText("No key yet").waitFor();
  await enterKey(page, await makeKey(edge, { owner: "few", limits: [{ name: "few", kind: "rate", unit: "requests", limit: 1, window_seconds: 4 }] }));
  await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
  assert.equal(await page.getByLabel("Names and terms").inputValue(), "kept");
  await page.getByText("kept.wav").waitFor();
  await choose(page, { name: "empty.wav", mimeType: "audio/wav", buffer: Buffer.alloc(0) });
  await page.getByText("The file is empty").waitFor();
  assert.ok(await start(page).isDisabled());
  await choose(page, { name: "kept.wav", mimeType: "audio/wav", buffer: wav });
  await start(page).click();
  const notice = page.getByRole("region", { name: "A new job" }).getByRole("alert");
  await notice.getByText("Too many requests").waitFor();
  // The upload and the job are a request each, and the key has one at a time: what is done is not asked for again.
  const made = card(page, "kept.wav");
  for (;;) {
    await notice.or(made).first().waitFor();
    if ((await notice.count()) === 0) break;
    await page.waitForFunction(() => document.querySelector("[data-countdown]") === null);
    await notice.getByRole("button", { name: "Try again" }).click();
    await notice.waitFor({ state: "detached" });
  }
  await card(page, "kept.wav").getByRole("link", { name: "Read it" }).waitFor();
});

for (const { name, ...options } of LOOKS) {
  test(`the jobs, ${name}: axe finds nothing, nothing is wider than the window`, async (t) => {
    const of = await makeKey(idle, { owner: `look-${name}` });
    const page = await visit(t, browser, `${idle.url}/jobs`, options);
    await list(page).getByText("No key yet").waitFor();
    await assertLooks(page);
    await waiting(of, "one that waits.wav");
    const cancelled = await waiting(of, "one that was cancelled.wav");
    await ask(idle, of, "DELETE", `/v1/jobs/${cancelled}`);
    await enterKey(page, of);
    await card(page, "one that waits.wav").waitFor();
    await choose(page, SAMPLE);
    await assertLooks(page);
    await card(page, "one that waits.wav").getByRole("button", { name: "Cancel…" }).click();
    await page.getByRole("dialog").waitFor();
    await assertLooks(page);
  });
}
