// Pictures of every page in the states that matter (scripts/screenshots). Each page is shown as people come to it: signed in,
// with things done before.
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { SAMPLE, startBrowser, visit, wavOf } from "./browser.ts";
import { ask, keep } from "./calls.ts";
import { admin, field, heading, openConsole } from "./console.ts";
import { type Content, fill, startJob, traffic, until } from "./content.ts";
import { choose, enterKey, transcribeButton, transcript } from "./playground.ts";
import { type Edge, makeKey, type Service, startEdge, startService } from "./processes.ts";
import { picture, printShot, shots } from "./shots.ts";

let service: Service, edge: Edge, browser: Browser, content: Content;

before(async () => {
  service = await startService();
  [edge, browser] = await Promise.all([startEdge(service, { PORTAL_AUTH: "open", PORTAL_SIGN_INS_PER_HOUR: "1000" }), startBrowser()]);
  content = await fill(edge);
});

after(async () => {
  await browser.close();
  await edge.stop();
  await service.stop();
});

// First, while nobody has sent more than clips: what is sent below would stand out in the charts.
test("console", async (t) => {
  const locked = await visit(t, browser, `${edge.url}/admin`);
  await shots(locked, "console-locked");
  const page = await openConsole(t, browser, edge);
  const open = async (hash: string, title: string, name: string): Promise<void> => {
    await page.goto(`${edge.url}/admin${hash}`);
    await heading(page, title).waitFor();
    await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null);
    await shots(page, `console-${name}`);
  };
  await page.locator(".u-over").nth(2).waitFor();
  await open("#overview", "Overview", "overview");
  await picture(page, "console", "dark", page.locator(".console"));
  await open("#overview?range=7d", "Overview", "overview-week");
  await open("#overview?range=30d", "Overview", "overview-month");
  // A host is heard of while it is used.
  await keep(edge, content.main.key, { name: "Weekly review.flac", prompt: "A host is heard of." });
  await page.goto(`${edge.url}/admin#hosts`);
  await page.getByText("Healthy").waitFor();
  await open("#hosts", "Hosts", "hosts");
  await page.goto(`${edge.url}/admin#keys`);
  await page.getByRole("link", { name: "newsroom" }).waitFor();
  await open("#keys", "Keys", "keys");
  await page.goto(`${edge.url}/admin#keys/${content.main.id}`);
  await page.locator(".u-over").first().waitFor();
  await open(`#keys/${content.main.id}`, "meeting notes", "key");
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await shots(page, "console-key-change");
  await open("#keys/new", "Make a key", "key-new");
  await page.goto(`${edge.url}/admin#plans`);
  await page.getByRole("listitem", { name: "starter" }).waitFor();
  await open("#plans", "Plans", "plans");
  await page.goto(`${edge.url}/admin#plans/studio`);
  await page.getByRole("button", { name: "Save" }).waitFor();
  await shots(page, "console-plan-change");
  await open("#owners", "Owners", "owners");
  await open("#owners/acme", "acme", "owner");
  await page.goto(`${edge.url}/admin#audit`);
  await page.getByRole("row").nth(3).waitFor();
  await page.locator("summary").nth(1).click();
  await page.locator(".table-scroll").evaluate((table) => { table.scrollLeft = 0; });
  await shots(page, "console-audit");
  await page.goto(`${edge.url}/admin#jobs`);
  await page.getByRole("row", { name: "Town hall" }).waitFor();
  await open("#jobs", "Dead jobs", "dead-jobs");
  await page.goto(`${edge.url}/admin#root-keys`);
  await page.getByRole("row", { name: "billing export" }).waitFor();
  await open("#root-keys", "Root keys", "root-keys");
  await open("#root-keys/new", "Make a root key", "root-key-new");
  await open("#invitations", "Invitations", "invitations");
});

test("playground", async (t) => {
  const page = await visit(t, browser, edge.url);
  await shots(page, "playground-empty");
  await enterKey(page, content.main.key);
  await choose(page, SAMPLE);
  await page.getByLabel("Keep the transcript").check();
  await transcribeButton(page).click();
  await page.getByText("Click a word").waitFor();
  await page.locator(".word", { hasText: "birds" }).click();
  await page.locator(".word[data-now=true]").waitFor();
  await page.locator("audio").evaluate((audio: HTMLAudioElement) => { audio.pause(); });
  await shots(page, "playground-transcript");
  await picture(page, "playground", "light");
  await page.getByRole("button", { name: "Share…" }).click();
  await page.getByRole("button", { name: "Make a link" }).click();
  await page.getByLabel("The link, shown this once").waitFor();
  await shots(page, "playground-share", { window: true });
});

test("playground: a limit is reached", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, await makeKey(edge, { name: "kiosk", owner: "acme", limits: [{ name: "minute", kind: "rate", unit: "requests", limit: 1, window_seconds: 60 }] }));
  await choose(page, SAMPLE);
  // The models that it may use were the one request.
  await page.getByLabel("Model").locator("option").first().waitFor({ state: "attached" });
  await transcribeButton(page).click();
  await transcript(page).locator("[data-countdown]").waitFor();
  await shots(page, "playground-limit");
});

test("keys", async (t) => {
  const page = await visit(t, browser, `${edge.url}/keys`);
  await field(page, "Your name").waitFor();
  await shots(page, "keys-signed-out");
  await field(page, "Your name").fill("Mara Lind");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("No keys yet").waitFor();
  await shots(page, "keys-plans");
  await page.getByRole("button", { name: "Choose starter" }).click();
  await field(page.getByRole("dialog"), "Name of the key").fill("Podcast captions");
  await shots(page, "keys-dialog", { window: true });
  await page.getByRole("button", { name: "Get the key" }).click();
  const key = await field(page, "API key").inputValue();
  await shots(page, "keys-shown");
  await picture(page, "keys", "light");
  await page.getByRole("button", { name: "It is kept, close" }).click();

  const { data } = await admin<{ data: { id: string; name: string; owner: string }[] }>(edge, "GET", "/admin/keys?plan=starter");
  const own = data.find(({ name }) => name === "Podcast captions");
  if (!own) throw new Error("the key is in no list");
  await traffic(edge, own.id, { owner: own.owner, plan: "starter" }, 6);
  await admin(edge, "POST", "/admin/keys", { name: "Shared with the team", owner: own.owner, plan: "internal" });
  const wav = await wavOf(browser, SAMPLE, 20);
  await until(edge, key, await startJob(edge, key, "Episode 12.wav", wav), ["job.succeeded"]);
  for (let times = 0; times < 6; times += 1) await ask(edge, key, "GET", "/v1/models");
  await page.reload();
  await page.getByRole("listitem", { name: "Podcast captions" }).getByText("Usage by day").click();
  await page.locator("canvas").first().waitFor();
  await shots(page, "keys-list");
});

test("keys: where none are given out", async (t) => {
  const off = await startEdge(null);
  t.after(off.stop);
  const page = await visit(t, browser, `${off.url}/keys`);
  await page.getByText("Keys are not given out here").waitFor();
  await shots(page, "keys-off");
});

test("transcripts, and the page behind a link", async (t) => {
  const page = await visit(t, browser, `${edge.url}/transcripts`);
  await shots(page, "transcripts-no-key");
  await enterKey(page, content.main.key);
  await page.getByRole("link", { name: "Morning walk" }).first().waitFor();
  await shots(page, "transcripts-list");
  await page.goto(`${edge.url}/transcripts#${content.talk}`);
  await page.getByRole("region", { name: "Transcript", exact: true }).getByRole("heading").first().waitFor();
  await shots(page, "transcripts-opened");
  await picture(page, "transcript-phone", "phone");
  await page.getByRole("button", { name: "Delete…" }).click();
  await shots(page, "transcripts-delete", { window: true });

  const { url } = (await (await ask(edge, content.main.key, "POST", `/v1/transcripts/${content.talk}/share`)).json()) as { url: string };
  const link = await visit(t, browser, url);
  await shots(link, "link");
  await printShot(link, "link");
  const ended = await visit(t, browser, `${edge.url}/t/${"0".repeat(32)}`);
  await shots(ended, "link-ended");
});

test("jobs", async (t) => {
  const { key } = content.main;
  const page = await visit(t, browser, `${edge.url}/jobs`);
  await shots(page, "jobs-no-key");
  await until(edge, key, await startJob(edge, key, "Panel discussion.flac"), ["job.succeeded"]);
  await until(edge, key, await startJob(edge, key, "Minutes (export).docx", Buffer.from("This is no audio. ".repeat(4000))), ["job.failed"]);
  const long = await wavOf(browser, SAMPLE, 30);
  const running = await startJob(edge, key, "All hands, November.wav", long);
  const waiting = await startJob(edge, key, "Board meeting.wav", long);
  await enterKey(page, key);
  await choose(page, { name: "Workshop, day one.wav", mimeType: "audio/wav", buffer: long });
  await page.waitForFunction(() => Array.from(document.querySelectorAll<HTMLProgressElement>(".job-list progress")).some(({ value }) => value > 0.15));
  await shots(page, "jobs-running", { isBusy: true });
  for (const job of [running, waiting]) await ask(edge, key, "DELETE", `/v1/jobs/${job}`);
});

test("reference", async (t) => {
  const page = await visit(t, browser, `${edge.url}/docs`);
  await shots(page, "reference", { window: true });
  await page.evaluate(() => { document.querySelectorAll("article")[1]?.scrollIntoView(); });
  await shots(page, "reference-route", { window: true });
});
