// Names and addresses that want to be more than text: what people type into the console and the page of the keys, and what
// stands behind the # of an address.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { startBrowser, visit } from "./browser.ts";
import { admin, field, makePlan, type Made, openConsole } from "./console.ts";
import { HOSTILE, hostileNames } from "./hostile.ts";
import { assertApart, assertOnlyText, assertTexts, dialogs, turns } from "./only_text.ts";
import { type Edge, startEdge } from "./processes.ts";

const PHONE = { viewport: { width: 390, height: 844 } } as const;
/** As keys are named. */
const NAMES = hostileNames(100);

let edge: Edge, browser: Browser;
/** Keys of the owner `hostile`: the name of each, by its id. */
const keys = new Map<string, string>();
/** Name and value of a note that goes with it. */
const notes = (name: string) => ({ [name]: name });

before(async () => {
  [edge, browser] = await Promise.all([startEdge(null, { PORTAL_AUTH: "open", PORTAL_SIGN_INS_PER_HOUR: "1000" }), startBrowser()]);
  const plans = NAMES.map((_, at) => `plan-${String(at)}`);
  await Promise.all(plans.map((plan) => makePlan(edge, plan, 100, { self_service: true })));
  // Whom the page of the keys knows as this name.
  const of = { owner: "open|hostile", self_service: true };
  const { data } = await admin<{ data: { id: string; name: string }[] }>(edge, "POST", "/admin/keys/bulk", {
    keys: NAMES.map((name, at) => ({ name, plan: plans[at], metadata: notes(name), ...of })),
  });
  for (const { id, name } of data) keys.set(id, name);
  assert.equal(keys.size, NAMES.length);
});

after(async () => {
  await browser.close();
  await edge.stop();
});

/** Goes to a place of the page that is open. */
const turn = (page: Page, hash: string): Promise<void> => page.evaluate((to) => { location.hash = to; }, hash);

test("names and notes of keys, in the list, on their pages, in their forms", async (t) => {
  const page = await openConsole(t, browser, edge, "#keys?owner=open%7Chostile", PHONE);
  await page.getByRole("row").nth(NAMES.length).waitFor();
  await assertTexts(page.locator("tbody th > a"), NAMES);
  await assertOnlyText(page);
  for (const [id, name] of keys) {
    await turn(page, `#keys/${id}`);
    await page.waitForFunction((wanted) => document.getElementById("section")?.textContent === wanted, name);
    await page.getByRole("button", { name: "Change", exact: true }).click();
    await page.locator("form[aria-label^=Change]").waitFor();
    const json = JSON.stringify(notes(name), null, 2);
    const found = await page.evaluate(() => {
      const form = document.querySelector("form[aria-label^=Change]");
      const typed = (what: string): string | undefined => form?.querySelector<HTMLInputElement>(what)?.value;
      const notes = [...(form?.querySelectorAll("label") ?? [])].find((label) => label.textContent === "Notes");
      return [document.querySelector("dd pre")?.textContent, typed("input"), typed(`#${CSS.escape(notes?.htmlFor ?? "")}`)];
    });
    assert.deepEqual(found, [json, name, json]);
    await assertOnlyText(page);
  }
});

test("what of it the audit keeps", async (t) => {
  const page = await openConsole(t, browser, edge, "#audit?owner=open%7Chostile", PHONE);
  const told: string[] = [];
  for (;;) {
    await page.locator(".table > tbody > tr").first().waitFor();
    for (const summary of await page.locator("summary").all()) await summary.click();
    await assertOnlyText(page);
    for (const json of await page.locator("details pre").allTextContents()) {
      const { name, metadata } = JSON.parse(json) as { name: string; metadata: unknown };
      assert.deepEqual(JSON.stringify(metadata), JSON.stringify(notes(name)));
      told.push(name);
    }
    const next = page.getByRole("link", { name: "Next page" });
    if ((await next.count()) === 0) break;
    const first = await page.locator(".table > tbody > tr").first().textContent();
    await next.click();
    await page.waitForFunction((before) => document.querySelector(".table > tbody > tr")?.textContent !== before, first);
  }
  assert.deepEqual(told.sort(), [...NAMES].sort());
});

test("names of root keys, in the list and on their pages", async (t) => {
  const made = await Promise.all(NAMES.map((name) => admin<Made>(edge, "POST", "/admin/root-keys", { name, scopes: ["admin:hosts"] })));
  const page = await openConsole(t, browser, edge, "#root-keys", PHONE);
  await page.getByRole("row").nth(NAMES.length).waitFor();
  await assertTexts(page.locator("tbody th > a"), NAMES);
  await assertOnlyText(page);
  for (const [at, { id }] of made.entries()) {
    await turn(page, `#root-keys/${id}`);
    await page.waitForFunction((wanted) => document.getElementById("section")?.textContent === wanted, NAMES[at] ?? "");
    await assertOnlyText(page);
  }
});

test("what is typed into the console's forms, and refused", async (t) => {
  const page = await openConsole(t, browser, edge, "#owners", PHONE);
  await assertOnlyText(page);
  const typed = async (label: string, button: string): Promise<void> => {
    // The last is half a sign, which no address has.
    for (const text of [...Object.values(HOSTILE), "half \uD83D of a sign"]) {
      await page.getByLabel(label, { exact: true }).fill(text);
      await page.getByRole("button", { name: button }).click();
    }
    await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null);
    await assertOnlyText(page);
  };
  await typed("Owner", "Show");
  await turn(page, "#keys");
  await typed("Search for", "Search");
  await turn(page, "#plans/new");
  await field(page, "Name").first().fill("<img src=x onerror=alert(1)>");
  await page.getByLabel("Models").fill("<script>alert(1)</script> *");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").waitFor();
  await assertOnlyText(page);
  assert.equal(await page.getByLabel("Models").inputValue(), "<script>alert(1)</script> *");
});

test("addresses of the console's places", async (t) => {
  const page = await openConsole(t, browser, edge, "", PHONE);
  await assertOnlyText(page);
  const texts = Object.values(HOSTILE);
  // As they are; and as the pages write them themselves.
  await turns(page, texts, "h1");
  const encoded = texts.map(encodeURIComponent);
  for (const section of ["keys", "owners"]) assert.deepEqual(await turns(page, encoded.map((text) => `#${section}/${text}`), "#section"), texts);
  assert.deepEqual(await turns(page, encoded.map((text) => `#plans/${text}`), "#section"), texts.map((text) => `Change the plan ${text}`));
  for (const query of ["overview?owner=*&plan=*&key=*&range=*", "audit?actor=*&from=*&to=*&cursor=*", "keys?owner=*&plan=*&enabled=*&cursor=*", "jobs?owner=*&cursor=*"]) {
    await turns(page, encoded.map((text) => `#${query.replaceAll("*", text)}`), "#section");
  }
  // Nothing of it stays: the console goes on.
  await turn(page, "#plans");
  await page.getByRole("listitem", { name: "plan-0" }).waitFor();
  await assertOnlyText(page);
});

test("a name that is a step of a path leads nowhere, and to no other path", async (t) => {
  const page = await openConsole(t, browser, edge, "#plans");
  const asked: string[] = [];
  page.on("request", (request) => { if (request.url().includes("/admin/")) asked.push(new URL(request.url()).pathname); });
  for (const place of ["#keys/..", "#owners/..", "#plans/.", "#overview?key=.."]) {
    await turn(page, place);
    await page.getByText("It is not there").waitFor();
    await turn(page, "#plans");
    await page.getByText("It is not there").waitFor({ state: "detached" });
  }
  assert.deepEqual([...new Set(asked)], ["/admin/plans"]);
});

test("addresses of the other pages", async (t) => {
  const texts = Object.values(HOSTILE);
  const short = texts.filter((text) => text.length < 1000);
  for (const path of ["/", "/transcripts", "/jobs", "/keys"]) {
    const page = await visit(t, browser, `${edge.url}${path}?${encodeURIComponent(short.join("&"))}=${encodeURIComponent(short.join("<>"))}#tr_<script>`, PHONE);
    await assertOnlyText(page);
    await turns(page, path === "/keys" ? texts.flatMap((text) => [text, `#sign-in-failed=${encodeURIComponent(text)}`]) : texts, "h1");
    await assertOnlyText(page);
    await page.context().close();
  }
});

test("names of one's own keys, and where one of them is revoked", async (t) => {
  const page = await visit(t, browser, `${edge.url}/keys`, PHONE);
  await field(page, "Your name").fill("hostile");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".own-key").nth(NAMES.length - 1).waitFor();
  await assertTexts(page.locator(".own-key h3"), NAMES);
  await assertOnlyText(page);
  const asked = await dialogs(page, ".own-key .button.danger", "h2 bdi");
  assertApart(asked, NAMES);
  for (const { text, whole } of asked) assert.equal(whole, `Revoke “${text}”?`);
  await assertOnlyText(page);
});

test("names by which people sign in, and a key that is named in the page", async (t) => {
  const page = await visit(t, browser, `${edge.url}/keys`, PHONE);
  await field(page, "Your name").fill("first");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Signed in as").waitFor();
  await assertOnlyText(page);
  for (const name of NAMES.map((text) => text.trim()).filter((text) => text !== "")) {
    // Another tab of the same browser signs in: this one is told.
    await page.evaluate(async (as) => {
      await fetch("/portal/session", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name: as }) });
      const others = new BroadcastChannel("whisper-edge.portal");
      others.postMessage("changed");
      others.close();
    }, name);
    await page.waitForFunction((wanted) => document.querySelector(".key-panel strong")?.textContent === wanted, name);
    await assertTexts(page.locator(".key-panel strong"), [name]);
  }
  const name = "\u202E</h3><img src=x onerror=alert(1)>";
  await page.getByRole("button", { name: "Choose plan-0", exact: true }).click();
  await field(page.getByRole("dialog"), "Name of the key").fill(name);
  await page.getByRole("button", { name: "Get the key" }).click();
  await page.locator(".own-key h3").waitFor();
  await assertTexts(page.locator(".own-key h3"), [name]);
  await assertOnlyText(page);
});

test("names of people who were invited", async (t) => {
  const byLink = await startEdge(null, { PORTAL_AUTH: "session", PORTAL_SIGN_INS_PER_HOUR: "1000" });
  t.after(byLink.stop);
  const names = NAMES.filter((name) => name.trim() !== "");
  const links = await Promise.all(names.map((name) => admin<{ url: string }>(byLink, "POST", "/admin/portal-sessions", { owner: "acme", name, expires_in_seconds: 600 })));
  const page = await visit(t, browser, `${byLink.url}/keys`, PHONE);
  await assertOnlyText(page);
  for (const [at, name] of names.entries()) {
    await turn(page, new URL(links[at]?.url ?? "").hash);
    await page.waitForFunction((wanted) => document.querySelector(".key-panel strong")?.textContent === wanted, name);
    assert.equal(page.url(), `${byLink.url}/keys`);
  }
  await assertOnlyText(page);
  await page.getByText("No plans to choose from").waitFor();
});
