// The console: every section, from what is seen to what is changed, and that what is changed holds at once.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { assertAccessible, SAMPLE, startBrowser, visit } from "./browser.ts";
import { admin, enterRootKey, field, heading, makePlan, openConsole, section, statusWith } from "./console.ts";
import { HOSTILE } from "./hostile.ts";
import { type Edge, makeKey, type Service, startEdge, startService } from "./processes.ts";

let service: Service, edge: Edge, browser: Browser;

before(async () => {
  service = await startService();
  // Figures of the database are a second old, so that it can be seen how they come.
  [edge, browser] = await Promise.all([startEdge(service, { USAGE_FLUSH_SECONDS: "1" }), startBrowser()]);
});

after(async () => {
  await browser.close();
  await edge.stop();
  await service.stop();
});

async function transcribe(key: string): Promise<number> {
  const form = new FormData();
  form.set("file", new Blob([readFileSync(SAMPLE)]), "sample.flac");
  form.set("model", "whisper-1");
  const answer = await fetch(`${edge.url}/v1/audio/transcriptions`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body: form });
  await answer.arrayBuffer();
  return answer.status;
}

const secret = (page: Page, label = "API key"): Promise<string> => page.locator(".secret").getByLabel(label).inputValue();

interface Made {
  readonly id: string;
  readonly key: string;
}

const make = (details: Readonly<Record<string, unknown>> = {}): Promise<Made> =>
  admin<Made>(edge, "POST", "/admin/keys", { name: "a key", limits: [{ name: "many", kind: "rate", unit: "requests", limit: 1000, window_seconds: 60 }], ...details });

test("a root key is asked for, kept in this tab, and forgotten; one that is none is told", async (t) => {
  const page = await visit(t, browser, `${edge.url}/admin`);
  await page.getByText("Enter a root key").waitFor();
  await assertAccessible(page);
  await enterRootKey(page, "root_nobody");
  await page.getByText("The root key is not accepted").waitFor();
  await page.getByRole("button", { name: "Forget" }).click();
  await enterRootKey(page, edge.rootKey);
  await page.getByRole("figure", { name: "Requests" }).waitFor();
  await page.reload();
  await page.getByRole("figure", { name: "Requests" }).waitFor();
  assert.equal(await page.evaluate((key) => Object.values<unknown>(localStorage).includes(key), edge.rootKey), false);
  await page.getByRole("button", { name: "Forget" }).click();
  await page.getByText("Enter a root key").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test("the overview follows what is asked of the service, and nothing in it blinks", async (t) => {
  const { id, key } = await make({ owner: "traffic", limits: [{ name: "two", kind: "rate", unit: "requests", limit: 2, window_seconds: 3600 }] });
  const page = await openConsole(t, browser, edge, `#overview?key=${id}`);
  const tile = (name: string) => page.locator(".tile", { has: page.getByText(name, { exact: true }) }).locator("strong");
  await tile("Requests").getByText("0", { exact: true }).waitFor();
  await page.locator(".u-over").first().waitFor();
  await page.evaluate(() => {
    const gone: string[] = [];
    Object.assign(globalThis, { gone });
    new MutationObserver((changes) => {
      for (const { removedNodes } of changes) {
        for (const node of removedNodes) if (node instanceof Element) gone.push(node.outerHTML.slice(0, 200));
      }
    }).observe(document.querySelector("main") ?? document.body, { subtree: true, childList: true });
  });
  assert.deepEqual([await transcribe(key), await transcribe(key), await transcribe(key)], [200, 200, 429]);
  // Nobody does anything: it comes by itself.
  await tile("Served").getByText("2", { exact: true }).waitFor();
  await tile("Latency, half within").getByText(/\d+(\.\d+)? m?s/).waitFor();
  assert.deepEqual(await page.evaluate(() => (globalThis as unknown as { gone: string[] }).gone), []);

  // The same for those who see no chart.
  const requests = page.getByRole("figure", { name: "Requests" });
  await requests.getByText("Requests as a table").click();
  const row = requests.getByRole("row").nth(1);
  await row.getByRole("cell").first().getByText("2", { exact: true }).waitFor();
  await page.getByRole("figure", { name: "Audio" }).getByText("Audio as a table").click();
  await page.getByRole("figure", { name: "Audio" }).getByRole("cell", { name: /seconds/ }).waitFor();
  await assertAccessible(page);

  // Time ranges and filters are addresses.
  await page.getByRole("tab", { name: "30 days" }).click();
  await requests.getByRole("row", { name: /Day \(UTC\)/ }).waitFor();
  await page.getByLabel("Key id").fill("");
  await field(page, "Owner").fill("nobody-yet");
  await page.getByRole("button", { name: "Show" }).click();
  await tile("Requests").getByText("0", { exact: true }).waitFor();
  await page.goBack();
  await tile("Served").getByText("2", { exact: true }).waitFor();
  assert.match(page.url(), /range=30d/);
  await page.goBack();
  await page.getByRole("tab", { name: "24 hours", selected: true }).waitFor();
  // Of all keys, as the database has it.
  await page.goto(`${edge.url}/admin#overview?owner=traffic`);
  await tile("Served").getByText(/[12]/).waitFor();
});

test("hosts are shown with their health, load and queue", async (t) => {
  const page = await openConsole(t, browser, edge, "#hosts");
  const row = page.getByRole("row", { name: service.url });
  await row.waitFor();
  const { key } = await make();
  await transcribe(key);
  await row.getByText("Healthy").waitFor();
  await row.getByText("settings").waitFor();
  await assertAccessible(page);
});

test("a key from its making to its end: what is done in the page holds at once", async (t) => {
  await makePlan(edge, "console", 100);
  await makePlan(edge, "other", 50);
  const page = await openConsole(t, browser, edge, "#keys");
  await page.getByRole("link", { name: "Make a key" }).click();
  await field(page, "Name").fill("first");
  await field(page, "Owner").fill("maker");
  await page.getByLabel("Plan").selectOption("console");
  await field(page, "Notes").fill("{ no json");
  await page.getByRole("button", { name: "Make the key" }).click();
  await page.getByText("This is no JSON object.").waitFor();
  await field(page, "Notes").fill('{"case": "<b>7</b>"}');
  await page.getByLabel("Credits of its own").check();
  await page.getByLabel("To start with").fill("5");
  await page.getByRole("button", { name: "Make the key" }).click();
  await heading(page, "Make a key").waitFor();
  await page.getByText("The key is made").waitFor();
  const key = await secret(page);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy the key" }).click();
  await page.getByText("Copied.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
  assert.equal(await statusWith(edge, key), 200);
  await assertAccessible(page);

  await page.getByRole("link", { name: "Open it here" }).click();
  await heading(page, "first").waitFor();
  assert.equal(await page.locator("main").getByText(key).count(), 0);
  await page.getByText('"case": "<b>7</b>"').waitFor();
  await page.getByText("100 requests a minute").waitFor();

  // Changed: what is typed is sent, and nothing else.
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await field(page, "Name").fill("second");
  await page.getByLabel("Plan").selectOption("other");
  await page.getByLabel("Limits of its own").check();
  const limits = page.getByRole("group", { name: "Limits of its own" });
  await limits.getByLabel("Kind").selectOption("At the same time");
  await limits.getByLabel("At most").fill("3");
  await page.getByLabel("Expires").fill("2099-12-31T12:00");
  const sent = page.waitForRequest((request) => request.method() === "PATCH");
  await page.getByRole("button", { name: "Save" }).click();
  assert.deepEqual(Object.keys((await sent).postDataJSON() as object).sort(), ["expires_at", "limits", "name", "plan", "version"]);
  await heading(page, "second").waitFor();
  await page.getByText("50 requests a minute").waitFor();
  await page.getByText("3 requests at the same time").waitFor();

  await page.getByRole("button", { name: "Credits" }).click();
  // One of the five was used above.
  await page.getByLabel("How many").fill("7");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("11 credits are left now.").waitFor();
  await page.getByRole("button", { name: "Credits" }).click();
  await page.getByLabel("What to do").selectOption("Set to");
  await page.getByLabel("How many").fill("30");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("30 credits are left now.").waitFor();

  await page.getByRole("button", { name: "Rotate" }).click();
  await page.getByLabel("The old one works").selectOption("For an hour still");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  await page.getByText("The new key").waitFor();
  const rotated = await secret(page);
  assert.notEqual(rotated, key);
  assert.deepEqual([await statusWith(edge, key), await statusWith(edge, rotated)], [200, 200]);
  await page.getByRole("button", { name: "It is kept, close" }).click();

  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByRole("button", { name: "Switch on" }).waitFor();
  assert.equal(await statusWith(edge, rotated), 401);
  await page.getByRole("button", { name: "Switch on" }).click();
  await page.getByRole("button", { name: "Switch off" }).waitFor();
  assert.equal(await statusWith(edge, rotated), 200);
  await assertAccessible(page);

  await page.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  assert.equal(await statusWith(edge, rotated), 200);
  await page.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.locator("main").getByText("Revoked", { exact: true }).waitFor();
  assert.deepEqual([await statusWith(edge, key), await statusWith(edge, rotated)], [401, 401]);
});

test("of two changes of a key at once the second is told, and keeps what was typed", async (t) => {
  const { id } = await make({ name: "twice" });
  const page = await openConsole(t, browser, edge, `#keys/${id}`);
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await field(page, "Name").first().fill("mine");
  await admin(edge, "PATCH", `/admin/keys/${id}`, { name: "theirs" });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Somebody else changed it first").waitFor();
  assert.equal(await field(page, "Name").first().inputValue(), "mine");
});

test("keys are found by owner, plan and id, and a page of a long list is there at once", async (t) => {
  await makePlan(edge, "crowd", 100);
  // A page of the list has a hundred, however many there are.
  const keys = Array.from({ length: 250 }, (_, at) => ({ name: `one of many ${String(at)}`, owner: "crowd", plan: "crowd" }));
  await admin(edge, "POST", "/admin/keys/bulk", { keys });
  const { id } = await make({ name: "alone", owner: "alone" });
  const page = await openConsole(t, browser, edge, "#keys");
  await page.evaluate(() => {
    const slow: number[] = [];
    Object.assign(globalThis, { slow });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) slow.push(duration);
    }).observe({ type: "longtask", buffered: false });
  });
  await page.getByLabel("Search for").fill("crowd");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("link", { name: /one of many/ }).first().waitFor();
  assert.equal(await page.getByRole("row").count(), 101);
  const first = await page.getByRole("rowheader").first().innerText();
  await page.getByRole("link", { name: "Next page" }).click();
  await page.getByRole("link", { name: "Previous page" }).waitFor();
  await page.waitForFunction((name) => document.querySelector("tbody th")?.textContent !== name, first);
  await page.getByRole("link", { name: "Next page" }).click();
  await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null);
  await page.goBack();
  await page.getByRole("link", { name: "Previous page" }).click();
  await page.getByRole("rowheader", { name: first, exact: true }).waitFor();
  const slow = await page.evaluate(() => (globalThis as unknown as { slow: number[] }).slow);
  assert.ok(Math.max(0, ...slow) <= 100, `milliseconds in which the page stood still: ${slow.join(", ")}`);

  await page.getByLabel("Search by").selectOption("Plan");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("link", { name: /one of many/ }).first().waitFor();
  await page.getByLabel("Search by").selectOption("Id");
  await page.getByLabel("Search for").fill(id);
  await page.getByRole("button", { name: "Search" }).click();
  await heading(page, "alone").waitFor();
  await page.goto(`${edge.url}/admin#keys/key_00000000000000000000`);
  await page.getByText("It is not there").waitFor();
});

test("plans are made, changed and deleted; one with keys on it is not, and why is said", async (t) => {
  const page = await openConsole(t, browser, edge, "#plans");
  await page.getByRole("link", { name: "Make a plan" }).click();
  await field(page, "Name").first().fill("starter");
  const limits = page.getByRole("group", { name: "Limits" });
  await limits.getByLabel("At most").fill("30");
  await limits.getByRole("button", { name: "Add a limit" }).click();
  await field(limits, "Name").nth(1).fill("month");
  await limits.getByLabel("Kind").nth(1).selectOption("Quota");
  await limits.getByLabel("Counts").nth(1).selectOption("Seconds of audio");
  await limits.getByLabel("At most").nth(1).fill("36000");
  await limits.getByLabel("Each").selectOption("Month");
  await page.getByLabel("Count credits").check();
  await page.getByLabel("Filled up", { exact: true }).selectOption("Each month");
  await page.getByLabel("People may choose it by themselves").check();
  await assertAccessible(page);
  await page.getByRole("button", { name: "Save" }).click();
  const card = page.getByRole("listitem", { name: "starter" });
  await card.getByText("30 requests a minute").waitFor();
  await card.getByText("10 hours of audio each month").waitFor();
  await card.getByText("100 credits to start with, filled up to 100 each month").waitFor();
  await card.getByText("Self-service").waitFor();

  await card.getByRole("link", { name: "Change" }).click();
  await page.getByRole("button", { name: "Remove the limit month" }).click();
  await page.getByRole("group", { name: "Limits" }).getByLabel("At most").fill("31");
  await page.getByRole("button", { name: "Save" }).click();
  await card.getByText("31 requests a minute").waitFor();
  assert.equal(await card.getByText("10 hours").count(), 0);

  const { id } = await admin<Made>(edge, "POST", "/admin/keys", { name: "on it", plan: "starter" });
  await card.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("Keys are on this plan").waitFor();
  await assertAccessible(page);
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await admin(edge, "PATCH", `/admin/keys/${id}`, { plan: null, limits: [{ name: "one", kind: "concurrency", limit: 1 }] });
  await card.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await card.waitFor({ state: "detached" });
});

test("an owner's shared limits, and the deletion of all that is kept about one", async (t) => {
  const { key } = await make({ owner: "leaver" });
  const page = await openConsole(t, browser, edge, "#owners");
  await field(page, "Owner").fill("leaver");
  await page.getByRole("button", { name: "Show" }).click();
  await heading(page, "leaver").waitFor();
  await page.getByRole("button", { name: "Add a limit" }).click();
  await field(page, "Name").fill("shared");
  await page.getByLabel("At most").fill("1");
  await page.getByRole("button", { name: "Save the limits" }).click();
  await page.getByText("Saved.").waitFor();
  assert.deepEqual([await statusWith(edge, key), await statusWith(edge, key)], [200, 429]);

  await page.getByRole("button", { name: "Delete all data" }).click();
  const confirm = page.getByRole("dialog").getByRole("button", { name: "Delete it all" });
  assert.ok(await confirm.isDisabled());
  await page.getByLabel("Type leaver to confirm").fill("leave");
  assert.ok(await confirm.isDisabled());
  await page.getByLabel("Type leaver to confirm").fill("leaver");
  await assertAccessible(page);
  await confirm.click();
  await page.getByText("What was deleted").waitFor();
  assert.equal(await statusWith(edge, key), 401);
});

test("the audit tells who changed what, is filtered and paged, and back and forward work", async (t) => {
  const made: Made[] = [];
  for (let at = 0; at < 51; at += 1) made.push(await make({ owner: "audited", name: `number ${String(at)}` }));
  const page = await openConsole(t, browser, edge, "#audit");
  await field(page, "Owner").fill("audited");
  await page.getByRole("button", { name: "Show" }).last().click();
  const rows = page.locator(".table > tbody > tr");
  await page.waitForFunction(() => document.querySelectorAll(".table > tbody > tr").length === 50);
  await page.getByRole("link", { name: "Next page" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".table > tbody > tr").length === 1);
  await page.goBack();
  await page.waitForFunction(() => document.querySelectorAll(".table > tbody > tr").length === 50);
  await page.goForward();
  await page.waitForFunction(() => document.querySelectorAll(".table > tbody > tr").length === 1);
  await page.getByRole("link", { name: "First page" }).click();
  await page.getByLabel("Of what").fill(made[7]?.id ?? "");
  await page.getByRole("button", { name: "Show" }).last().click();
  await page.waitForFunction(() => document.querySelectorAll(".table > tbody > tr").length === 1);
  await rows.getByText("Show").click();
  await rows.getByText('"number 7"').waitFor();
  await assertAccessible(page);
  await page.getByLabel("To").fill("2001-01-01T00:00");
  await page.getByRole("button", { name: "Show" }).last().click();
  await page.getByText("Nothing of that was done").waitFor();
});

test("root keys are made, may no more than they were given, and are revoked", async (t) => {
  const page = await openConsole(t, browser, edge, "#root-keys");
  await page.getByRole("link", { name: "Make a root key" }).click();
  await field(page, "Name").fill("for plans");
  await page.getByRole("button", { name: "Make the root key" }).click();
  await page.getByText("Choose what it may do.").waitFor();
  await page.getByLabel("Plans", { exact: true }).check();
  await assertAccessible(page);
  await page.getByRole("button", { name: "Make the root key" }).click();
  const key = await secret(page, "Root key");
  assert.match(key, /^\S{20,}$/);

  const other = await visit(t, browser, `${edge.url}/admin#plans`);
  await enterRootKey(other, key);
  await other.getByRole("link", { name: "Make a plan" }).waitFor();
  for (const [name, scope] of [
    ["Overview", "admin:usage"],
    ["Hosts", "admin:hosts"],
    ["Keys", "admin:keys"],
    ["Audit", "admin:audit"],
    ["Dead jobs", "admin:jobs"],
    ["Root keys", "admin:*"],
  ] as const) {
    await section(other, name);
    await other.getByText(`It lacks the scope ${scope}.`).waitFor();
  }
  await section(other, "Owners");
  await field(other, "Owner").fill("somebody");
  await other.getByRole("button", { name: "Show" }).click();
  await other.getByText("It lacks the scope admin:owners.").waitFor();
  await assertAccessible(other);

  await page.getByRole("link", { name: "Back" }).click();
  await page.getByRole("row", { name: "for plans" }).getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("row", { name: "for plans" }).getByText("Revoked").waitFor();
  await section(other, "Plans");
  await other.getByText("The root key is not accepted").waitFor();
});

test("a job that was given up is shown, and tried again", async (t) => {
  const alone = await startEdge(null, { JOB_ATTEMPTS: "1" });
  t.after(alone.stop);
  const key = await makeKey(alone, { owner: "unlucky" });
  const form = new FormData();
  form.set("file", new Blob([readFileSync(SAMPLE)]), "sample.flac");
  form.set("model", "whisper-1");
  const answer = await fetch(`${alone.url}/v1/audio/transcriptions`, { method: "POST", headers: { authorization: `Bearer ${key}`, prefer: "respond-async" }, body: form });
  const { id } = (await answer.json()) as { id: string };
  assert.equal(answer.status, 202);
  // Its events are told one by one, until it has failed.
  const events = await fetch(`${alone.url}/v1/jobs/${id}/events`, { headers: { authorization: `Bearer ${key}` } });
  let told = "";
  for await (const piece of events.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    told += piece;
    if (told.includes("job.failed")) break;
  }
  assert.match(told, /job\.failed/);

  const page = await openConsole(t, browser, alone, "#jobs");
  const row = page.getByRole("row", { name: "unlucky" });
  await row.waitFor();
  await assertAccessible(page);
  await row.getByRole("button", { name: "Try again" }).click();
  await page.getByText("The job waits for its turn again.").waitFor();
});

test("what others wrote is shown as text", async (t) => {
  const ids = new Map<string, string>();
  for (const text of HOSTILE) {
    const { id } = await make({ name: text, owner: "hostile|+@-._", metadata: { note: text.repeat(4) } });
    ids.set(text, id);
  }
  const page = await openConsole(t, browser, edge, "#keys?owner=hostile%7C%2B%40-._");
  await page.waitForFunction((count) => document.querySelectorAll("tbody tr").length === count, HOSTILE.length);
  const names = await page.getByRole("rowheader").allInnerTexts();
  assert.deepEqual([...names].sort(), [...HOSTILE].sort());
  for (const [text, id] of ids) {
    await page.goto(`${edge.url}/admin#keys/${id}`);
    await page.waitForFunction((name) => document.getElementById("section")?.textContent === name, text);
    assert.deepEqual(JSON.parse(await page.locator("dd pre").innerText()), { note: text.repeat(4) });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  }
  await page.goto(`${edge.url}/admin#audit?owner=hostile%7C%2B%40-._`);
  await page.waitForFunction((count) => document.querySelectorAll(".table > tbody > tr").length === count, HOSTILE.length);
  for (const summary of await page.locator("summary").all()) await summary.click();
  assert.equal(await page.locator("main img, main script, main svg[onload]").count(), 0);
});

const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "phone", colorScheme: "dark", viewport: { width: 390, height: 844 } },
] as const;

for (const { name, ...options } of LOOKS) {
  test(`every section, ${name}: axe finds nothing, nothing is wider than the window, back leads back`, async (t) => {
    await makePlan(edge, "look", 10, { self_service: true });
    const { id } = await make({ owner: "look", plan: "look" });
    const page = await openConsole(t, browser, edge, "", options);
    const titles = ["Overview", "Hosts", "Keys", "Plans", "Owners", "Audit", "Dead jobs", "Root keys", "Invitations"];
    const look = async (): Promise<void> => {
      await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null);
      await assertAccessible(page);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), options.viewport.width);
    };
    for (const title of titles) {
      await section(page, title);
      await heading(page, title).waitFor();
      await look();
    }
    await page.goBack();
    await heading(page, "Root keys").waitFor();
    await page.goForward();
    await heading(page, "Invitations").waitFor();
    for (const hash of [`#keys/${id}`, "#keys/new", "#plans/new", "#plans/look", "#owners/look", "#root-keys/new"]) {
      await page.goto(`${edge.url}/admin${hash}`);
      await look();
    }
  });
}
