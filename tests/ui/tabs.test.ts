// Impatience and many tabs: two clicks make one thing, back and forward lead where they should, and of two tabs each
// sees what the other did.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { startBrowser, visit } from "./browser.ts";
import { ask, keep } from "./calls.ts";
import { admin, enterRootKey, field, heading, makePlan, openConsole, section } from "./console.ts";
import { spell, startHost } from "./host.ts";
import { choose, enterKey, transcribeButton } from "./playground.ts";
import { type Edge, makeKey, type Service, startEdge } from "./processes.ts";

let host: Service, edge: Edge, browser: Browser, key: string;

before(async () => {
  host = await startHost();
  [edge, browser] = await Promise.all([startEdge(host, { PORTAL_AUTH: "open", PORTAL_SIGN_INS_PER_HOUR: "1000" }), startBrowser()]);
  await makePlan(edge, "starter", 1000, { self_service: true, credits: { balance: 100 } });
  key = await makeKey(edge);
});

after(async () => {
  await browser.close();
  await edge.stop();
  await host.stop();
});

const file = { name: "said.wav", mimeType: "audio/wav", buffer: spell(["Good morning."]) };

/** What a page asks to be changed from now on. */
function changes(page: Page): string[] {
  const asked: string[] = [];
  page.on("request", (request) => {
    if (request.method() !== "GET") asked.push(`${request.method()} ${new URL(request.url()).pathname.replace(/(key|tr|up|upload)_\w{8,}/, "…")}`);
  });
  return asked;
}

test("two clicks in the console make one thing", async (t) => {
  const page = await openConsole(t, browser, edge, "#keys/new");
  const asked = changes(page);
  await field(page, "Name").fill("clicked twice");
  await field(page, "Owner").fill("twice");
  await page.getByLabel("Plan").selectOption("starter");
  await page.getByRole("button", { name: "Make the key" }).dblclick();
  await page.getByRole("link", { name: "Open it here" }).click();
  await heading(page, "clicked twice").waitFor();
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Credits" }).click();
  await dialog.getByLabel("How many").fill("7");
  await dialog.getByRole("button", { name: "Save" }).dblclick();
  await page.getByText("107 credits are left now.").waitFor();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Rotate" }).click();
  await dialog.getByRole("button", { name: "Rotate" }).dblclick();
  await page.getByText("The new key").waitFor();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await field(page, "Name").fill("changed twice");
  await page.getByRole("button", { name: "Save" }).dblclick();
  await heading(page, "changed twice").waitFor();
  await page.getByRole("button", { name: "Revoke" }).click();
  await dialog.getByRole("button", { name: "Revoke" }).dblclick();
  await page.locator("main").getByText("Revoked", { exact: true }).waitFor();
  await page.evaluate(() => { location.hash = "#plans/new"; });
  await field(page, "Name").first().fill("twice");
  await page.getByRole("group", { name: "Limits" }).getByLabel("At most").fill("30");
  await page.getByRole("button", { name: "Save" }).dblclick();
  await page.getByRole("listitem", { name: "twice" }).waitFor();
  await page.evaluate(() => { location.hash = "#root-keys/new"; });
  await field(page, "Name").fill("clicked twice");
  await page.getByLabel("Plans", { exact: true }).check();
  await page.getByRole("button", { name: "Make the root key" }).dblclick();
  await page.getByText("The root key is made").waitFor();
  assert.deepEqual(asked, [
    "POST /admin/keys",
    "POST /admin/keys/…/credits",
    "POST /admin/keys/…/rotate",
    "PATCH /admin/keys/…",
    "DELETE /admin/keys/…",
    "PUT /admin/plans/twice",
    "POST /admin/root-keys",
  ]);
});

test("two clicks on the other pages make one thing", async (t) => {
  const page = await visit(t, browser, edge.url);
  const asked = changes(page);
  await enterKey(page, key);
  await choose(page, file);
  await page.getByLabel("Keep the transcript").check();
  await transcribeButton(page).dblclick();
  await page.getByRole("button", { name: "Share…" }).click();
  await page.getByRole("button", { name: "Make a link" }).dblclick();
  await page.getByLabel("The link, shown this once").waitFor();
  assert.deepEqual(asked, ["POST /v1/audio/transcriptions", "POST /v1/transcripts/…/share"]);

  await page.goto(`${edge.url}/jobs`);
  asked.length = 0;
  await choose(page, file);
  await page.getByRole("button", { name: "Upload and start" }).dblclick();
  await page.getByRole("link", { name: "Read it" }).waitFor();
  assert.deepEqual(asked, ["POST /v1/uploads", "PUT /v1/uploads/…", "POST /v1/jobs"]);

  await page.goto(`${edge.url}/keys`);
  asked.length = 0;
  await field(page, "Your name").fill("twice");
  await page.getByRole("button", { name: "Sign in" }).dblclick();
  await page.getByRole("button", { name: "Choose starter" }).dblclick();
  await field(page.getByRole("dialog"), "Name of the key").fill("clicked twice");
  await page.getByRole("button", { name: "Get the key" }).dblclick();
  await page.getByText("It is kept, close").waitFor();
  assert.deepEqual(asked, ["POST /portal/session", "POST /portal/keys"]);
});

test("back and forward over all pages", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  await page.getByLabel("Names and terms").fill("sunshine");
  const pages = ["Speech to text", "Transcripts", "Jobs", "Your keys", "Console"] as const;
  const ways = ["Transcripts", "Jobs", "Keys", "Console"] as const;
  const at = (title: string): Promise<void> => page.getByRole("heading", { level: 1, name: title, exact: true }).waitFor();
  for (const [index, way] of ways.entries()) {
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: way, exact: true }).click();
    await at(pages[index + 1] ?? "");
  }
  await enterRootKey(page, edge.rootKey);
  await section(page, "Plans");
  await page.getByRole("listitem", { name: "starter" }).waitFor();
  await page.goBack();
  await page.getByRole("figure", { name: "Requests" }).waitFor();
  for (const title of pages.slice(0, -1).reverse()) {
    await page.goBack();
    await at(title);
  }
  // What was entered and typed is there still.
  await page.getByText("wk_live_…").waitFor();
  assert.equal(await page.getByLabel("Names and terms").inputValue(), "sunshine");
  for (const title of pages.slice(1)) {
    await page.goForward();
    await at(title);
  }
  await page.goForward();
  await page.getByRole("listitem", { name: "starter" }).waitFor();
  await page.getByRole("link", { name: "API", exact: true }).click();
  await page.waitForURL(`${edge.url}/docs`);
  await page.goBack();
  await page.getByRole("listitem", { name: "starter" }).waitFor();
});

test("of two tabs of the console each sees what the other did, at the latest when somebody comes back to it", async (t) => {
  const page = await openConsole(t, browser, edge, "#plans");
  await page.getByRole("listitem", { name: "starter" }).waitFor();
  const other = await page.context().newPage();
  await other.goto(`${edge.url}/admin#plans/new`);
  await enterRootKey(other, edge.rootKey);
  await field(other, "Name").first().fill("elsewhere");
  await other.getByRole("group", { name: "Limits" }).getByLabel("At most").fill("30");
  await other.getByRole("button", { name: "Save" }).click();
  await other.getByRole("listitem", { name: "elsewhere" }).waitFor();
  assert.equal(await page.getByRole("listitem", { name: "elsewhere" }).count(), 0);
  // All tabs are in sight here: this is what a browser says when one of them comes to the front.
  const back = (tab: Page): Promise<boolean> => tab.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await back(page);
  await page.getByRole("listitem", { name: "elsewhere" }).waitFor();

  const { id } = await admin<{ id: string }>(edge, "POST", "/admin/keys", { name: "two tabs", plan: "starter" });
  for (const tab of [page, other]) {
    await tab.goto(`${edge.url}/admin#keys/${id}`);
    await heading(tab, "two tabs").waitFor();
  }
  // A change begins with the key as it is, whatever is shown of it at the moment.
  await admin(edge, "PATCH", `/admin/keys/${id}`, { name: "renamed elsewhere" });
  await page.getByRole("button", { name: "Change", exact: true }).click();
  assert.equal(await field(page, "Name").first().inputValue(), "renamed elsewhere");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Switch off" }).click();
  // A key's own page looks by itself.
  await other.getByRole("button", { name: "Switch on" }).waitFor();
  await other.getByRole("button", { name: "Revoke" }).click();
  await other.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.locator("main").getByText("Revoked", { exact: true }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Switch on" }).count(), 0);
});

test("a key is one tab's: another one asks for it, and forgetting it here is nothing to others", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  const other = await page.context().newPage();
  await other.goto(edge.url);
  await enterKey(other, key);
  await page.getByRole("button", { name: "Forget" }).click();
  await page.getByLabel("API key").waitFor();
  await choose(other, file);
  await transcribeButton(other).click();
  await other.getByText("Good morning.").waitFor();
});

test("what was deleted in one tab is told in the other", async (t) => {
  const of = await makeKey(edge, { owner: "tabs" });
  const id = await keep(edge, of, { name: "gone.wav", audio: spell(["Gone."]) });
  const page = await visit(t, browser, `${edge.url}/transcripts`, { viewport: { width: 390, height: 844 } });
  await enterKey(page, of);
  await page.getByRole("link", { name: "gone.wav" }).waitFor();
  await ask(edge, of, "DELETE", `/v1/transcripts/${id}`);
  await page.getByRole("link", { name: "gone.wav" }).click();
  await page.getByText("It is not there").waitFor();
  await page.getByRole("button", { name: "Back to the list" }).click();
  await page.getByRole("region", { name: "Kept transcripts" }).waitFor();
});
