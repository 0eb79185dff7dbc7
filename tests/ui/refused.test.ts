// Every page while every answer of the API is a refusal: a limit, a service that is away, a proxy's page. Nothing breaks,
// what is wrong is said, nothing typed is lost, and it goes on once the API answers again.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Locator, Page, Route } from "playwright-core";
import { startBrowser, visit } from "./browser.ts";
import { keep } from "./calls.ts";
import { admin, enterRootKey, field, makePlan, openConsole } from "./console.ts";
import { spell, startHost } from "./host.ts";
import { assertOnlyText } from "./only_text.ts";
import { choose, enterKey, transcribeButton, transcript } from "./playground.ts";
import { type Edge, makeKey, type Service, startEdge } from "./processes.ts";

let host: Service, edge: Edge, browser: Browser, key: string, id: string;

before(async () => {
  host = await startHost();
  [edge, browser] = await Promise.all([startEdge(host, { PORTAL_AUTH: "open", PORTAL_SIGN_INS_PER_HOUR: "1000" }), startBrowser()]);
  await makePlan(edge, "starter", 1000, { self_service: true });
  key = await makeKey(edge);
  id = await keep(edge, key, { name: "kept.wav", audio: spell(["Good morning."]) });
});

after(async () => {
  await browser.close();
  await edge.stop();
  await host.stop();
});

interface Refusal {
  readonly name: string;
  readonly title: string;
  /** Seconds to wait, where it says so. */
  readonly wait: number | null;
  readonly answer: NonNullable<Parameters<Route["fulfill"]>[0]>;
}

const SECONDS = 3;
const envelope = (code: string): string => JSON.stringify({ error: { message: "No.", type: "server_error", param: null, code } });
const json = { contentType: "application/json", headers: { "retry-after": String(SECONDS) } };
const html = "<!doctype html><title>Bad gateway</title><h1>502</h1><script>pwned=1</script>";

const REFUSALS: readonly Refusal[] = [
  { name: "429", title: "Too many requests", wait: SECONDS, answer: { status: 429, ...json, body: envelope("rate_limit_exceeded") } },
  { name: "503", title: "The service is full", wait: SECONDS, answer: { status: 503, ...json, body: envelope("queue_full") } },
  { name: "a proxy's 502", title: "An answer that this page does not understand", wait: null, answer: { status: 502, contentType: "text/html", body: html } },
  { name: "a proxy's page as if all were well", title: "An answer that this page does not understand", wait: null, answer: { status: 200, contentType: "text/html", body: html } },
];

/** What the pages ask of the API; the pages themselves are no part of it. */
const API = /\/(v1|admin|portal)\/./;

/** From now on every request is refused; the answer ends it, and waits for what the notices say. */
async function refuse(page: Page, { answer }: Refusal): Promise<() => Promise<void>> {
  await page.route(API, (route) => route.fulfill(answer));
  return async () => {
    await page.unroute(API);
    await page.waitForFunction(() => document.querySelector("[data-countdown]") === null);
  };
}

/** What is said of a refusal within a part of the page: in words, with the seconds where there are some. */
async function assertTold(within: Locator, { title, wait }: Refusal): Promise<void> {
  const notice = within.getByRole("alert").filter({ hasText: title }).first();
  await notice.waitFor();
  if (wait === null) return;
  const again = notice.getByRole("button", { name: "Try again" });
  const [left, isDisabled] = await notice.evaluate((element) => [
    Number(element.querySelector("[data-countdown]")?.getAttribute("data-countdown") ?? 0),
    element.querySelector<HTMLButtonElement>(".actions button")?.disabled,
  ] as const);
  assert.ok(left <= wait, `${String(left)} seconds`);
  // It may be over by now, where a machine is slow.
  if (left > 0 && (await again.count()) > 0) assert.equal(isDisabled, true);
}

/** Asks again wherever that is offered, until nothing is refused any more. */
async function again(page: Page): Promise<void> {
  const offered = page.getByRole("button", { name: "Try again" });
  while ((await offered.count()) > 0) {
    const notice = page.getByRole("alert").filter({ has: offered }).first();
    const element = await notice.elementHandle();
    await offered.first().click();
    await element.waitForElementState("hidden");
  }
}

for (const refusal of REFUSALS) {
  test(`${refusal.name} from the start: the playground, the transcripts, the jobs`, async (t) => {
    for (const [path, come] of [["/", "tiny.en"], ["/transcripts", "kept.wav"], ["/jobs", "No jobs yet"]] as const) {
      const page = await visit(t, browser, edge.url + path);
      await assertOnlyText(page);
      const mend = await refuse(page, refusal);
      await enterKey(page, key);
      await assertTold(page.locator("main"), refusal);
      await assertOnlyText(page);
      await mend();
      await again(page);
      await page.getByText(come).first().waitFor({ state: "attached" });
      assert.equal(await page.getByRole("alert").count(), 0);
      await page.context().close();
    }
  });

  test(`${refusal.name} from the start: every section of the console`, async (t) => {
    const page = await visit(t, browser, `${edge.url}/admin`);
    await assertOnlyText(page);
    await enterRootKey(page, edge.rootKey);
    await page.getByRole("figure", { name: "Requests" }).waitFor();
    const { id: keyId } = await admin<{ id: string }>(edge, "POST", "/admin/keys", { name: "refused", plan: "starter" });
    for (const place of ["hosts", "keys", `keys/${keyId}`, "plans", "plans/starter", "owners/ui", "audit", "jobs", "root-keys", "overview"]) {
      const mend = await refuse(page, refusal);
      await page.evaluate((to) => { location.hash = to; }, place);
      await assertTold(page.locator(".console"), refusal);
      await mend();
      await again(page);
      await page.waitForFunction(() => document.querySelector("[role=alert]") === null);
    }
    await page.getByRole("figure", { name: "Requests" }).waitFor();
    await assertOnlyText(page);
  });

  test(`${refusal.name} from the start, and amid it: the page of the keys`, async (t) => {
    const page = await visit(t, browser, `${edge.url}/keys`);
    await field(page, "Your name").waitFor();
    let mend = await refuse(page, refusal);
    await page.reload();
    await assertTold(page.locator("main"), refusal);
    await mend();
    await again(page);
    await field(page, "Your name").fill(`refused by ${refusal.name}`);
    mend = await refuse(page, refusal);
    await page.getByRole("button", { name: "Sign in" }).click();
    await assertTold(page.locator(".sign-in"), refusal);
    await mend();
    assert.equal(await field(page, "Your name").inputValue(), `refused by ${refusal.name}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Choose starter" }).click();
    const dialog = page.getByRole("dialog");
    await field(dialog, "Name of the key").fill("typed with care");
    mend = await refuse(page, refusal);
    await page.getByRole("button", { name: "Get the key" }).click();
    await assertTold(dialog, refusal);
    assert.equal(await field(dialog, "Name of the key").inputValue(), "typed with care");
    await mend();
    await page.getByRole("button", { name: "Get the key" }).click();
    await page.getByText("It is kept, close").click();
    for (const [opens, does] of [["Rotate", "Rotate"], ["Revoke", "Revoke"]] as const) {
      await page.getByRole("button", { name: opens }).click();
      mend = await refuse(page, refusal);
      await dialog.getByRole("button", { name: does }).click();
      await assertTold(dialog, refusal);
      await mend();
      await dialog.getByRole("button", { name: does }).click();
      await dialog.waitFor({ state: "detached" });
    }
    await page.getByText("No keys yet").waitFor();
  });

  test(`${refusal.name} for what is asked amid the work: playground, jobs, transcripts, console`, async (t) => {
    const file = { name: "said.wav", mimeType: "audio/wav", buffer: spell(["Good morning.", "Good night."]) };
    const playground = await visit(t, browser, edge.url);
    await enterKey(playground, key);
    await choose(playground, file);
    await playground.getByLabel("Names and terms").fill("kept");
    // A page that comes in place of a stream has no end: it counts as one that broke off.
    const streamed = refusal.answer.status === 200 ? { ...refusal, title: "The connection was lost" } : refusal;
    for (const [answer, as] of [["stream", streamed], ["words", refusal]] as const) {
      await playground.getByLabel("Answer").selectOption(answer);
      const mend = await refuse(playground, refusal);
      await transcribeButton(playground).click();
      await assertTold(transcript(playground), as);
      await mend();
      await again(playground);
      await playground.getByText("Good night.").first().waitFor();
    }
    assert.equal(await playground.getByLabel("Names and terms").inputValue(), "kept");

    const jobs = await visit(t, browser, `${edge.url}/jobs`);
    await enterKey(jobs, await makeKey(edge, { owner: `jobs-${String(REFUSALS.indexOf(refusal))}` }));
    await jobs.getByText("No jobs yet").waitFor();
    await choose(jobs, file);
    let mend = await refuse(jobs, refusal);
    await jobs.getByRole("button", { name: "Upload and start" }).click();
    await assertTold(jobs.getByRole("region", { name: "A new job" }), refusal);
    await jobs.getByText("said.wav").waitFor();
    await mend();
    await again(jobs);
    await jobs.getByRole("link", { name: "Read it" }).waitFor();

    const transcripts = await visit(t, browser, `${edge.url}/transcripts`);
    await enterKey(transcripts, key);
    await transcripts.getByRole("link", { name: "kept.wav" }).waitFor();
    mend = await refuse(transcripts, refusal);
    await transcripts.getByRole("link", { name: "kept.wav" }).click();
    const opened = transcripts.getByRole("region", { name: "Transcript", exact: true });
    await assertTold(opened, refusal);
    await mend();
    await again(transcripts);
    await opened.getByText("Good morning.").waitFor();
    const dialog = transcripts.getByRole("dialog");
    for (const [opens, does] of [["Share…", "Make a link"], ["Delete…", "Delete it"]] as const) {
      await opened.getByRole("button", { name: opens }).click();
      mend = await refuse(transcripts, refusal);
      await dialog.getByRole("button", { name: does }).click();
      await assertTold(dialog, refusal);
      await mend();
      await transcripts.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
    }
    assert.ok(transcripts.url().endsWith(id));

    const console = await openConsole(t, browser, edge, "#keys/new");
    await field(console, "Name").fill("typed with care");
    mend = await refuse(console, refusal);
    await console.getByRole("button", { name: "Make the key" }).click();
    await assertTold(console.locator("form.panel.stack"), refusal);
    await mend();
    assert.equal(await field(console, "Name").inputValue(), "typed with care");
    await console.getByRole("button", { name: "Make the key" }).click();
    await console.getByText("The key is made").waitFor();
  });
}

test("who is told to wait is not asked again before, though the section looks by itself", async (t) => {
  const page = await visit(t, browser, `${edge.url}/admin#hosts`);
  await page.clock.install();
  await page.reload();
  await enterRootKey(page, edge.rootKey);
  await page.getByRole("row", { name: host.url }).waitFor();
  let asked = 0;
  await page.route(API, (route) => {
    asked += 1;
    return route.fulfill({ status: 429, contentType: "application/json", headers: { "retry-after": "60" }, body: envelope("rate_limit_exceeded") });
  });
  await page.clock.runFor(4_000);
  await page.getByText("Too many requests").waitFor();
  assert.equal(asked, 1);
  await page.clock.runFor(50_000);
  assert.equal(asked, 1);
  await page.unroute(API);
  await page.clock.runFor(15_000);
  await page.getByText("Too many requests").waitFor({ state: "detached" });
});
