// The console: keys, from their making to their end; what is changed holds at once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Locator } from "playwright-core";
import type { components } from "../../edge/ui/src/api/schema.d.ts";
import { assertAccessible, startBrowser } from "./browser.ts";
import { admin, create, field, heading, makePlan, openConsole, secret, statusWith } from "./console.ts";
import { type Edge, startEdge } from "./processes.ts";

/** No service: nothing is to be heard here. */
let edge: Edge, browser: Browser;

type KeyDetail = components["schemas"]["KeyDetail"];

before(async () => {
  [edge, browser] = await Promise.all([startEdge(null), startBrowser()]);
});

after(async () => {
  await browser.close();
  await edge.stop();
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
  await limits.getByLabel("Kind").selectOption("At once");
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

test("every field of a key is typed when it is made, changed, and taken away again", async (t) => {
  await makePlan(edge, "whole", 100, { self_service: true });
  const page = await openConsole(t, browser, edge, "#keys/new");
  await field(page, "Name").fill("whole");
  await field(page, "Owner").fill("whole");
  await page.getByLabel("Plan", { exact: true }).selectOption("whole");
  await page.getByLabel("Expires").fill("2099-12-31T12:00");
  await page.getByLabel("A request weighs").fill("3");
  await field(page, "Models").fill("whisper-1, tiny.en");
  await page.getByLabel("Limits of its own").check();
  await page.getByLabel("Credits of its own").check();
  await page.getByRole("checkbox", { name: "Permissions of its own" }).check();
  await page.getByLabel("Transcribe").check();
  await page.getByLabel("Read kept transcripts").check();
  await field(page, "Only from addresses").fill("127.0.0.0/8\n::1");
  await field(page, "Only from web pages of").fill("https://app.example https://other.example:8443");
  await field(page, "Notes").fill('{"team": "a"}');
  await page.getByLabel("Taken by its owner").check();
  await assertAccessible(page);
  await page.getByRole("button", { name: "Make the key" }).click();
  const key = await secret(page);
  await page.getByRole("link", { name: "Open it here" }).click();
  await heading(page, "whole").waitFor();
  const id = new URL(page.url()).hash.split("/")[1] ?? "";
  const expiry = await page.evaluate(() => new Date("2099-12-31T12:00").getTime() / 1000);
  const limits = [{ name: "requests", kind: "rate", unit: "requests", limit: 60, window_seconds: 60, period: null }];
  const of = async () => {
    const { name, owner, plan, expires_at: at, cost, models, limits: own, credits, scopes, allowed_ips: addresses, allowed_origins: origins, metadata, self_service: selfService } = await admin<KeyDetail>(edge, "GET", `/admin/keys/${id}`);
    return { name, owner, plan, at, cost, models, limits: own.map((limit) => ({ period: null, ...limit })), credits, scopes, addresses, origins, metadata, selfService };
  };
  assert.deepEqual(await of(), {
    name: "whole",
    owner: "whole",
    plan: "whole",
    at: expiry,
    cost: 3,
    models: ["whisper-1", "tiny.en"],
    limits,
    credits: { balance: 100 },
    scopes: ["transcribe", "transcripts:read"],
    addresses: ["127.0.0.0/8", "::1"],
    origins: ["https://app.example", "https://other.example:8443"],
    metadata: { team: "a" },
    selfService: true,
  });
  assert.deepEqual([await statusWith(edge, key), await statusWith(edge, key, "203.0.113.9")], [200, 403]);

  // What is not touched is not sent, and what is holds at once.
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await field(page, "Only from addresses").fill("203.0.113.0/24");
  const sent = page.waitForRequest((request) => request.method() === "PATCH");
  await page.getByRole("button", { name: "Save" }).click();
  assert.deepEqual(Object.keys((await sent).postDataJSON() as object).sort(), ["allowed_ips", "version"]);
  await page.getByRole("definition").filter({ hasText: "203.0.113.0/24" }).waitFor();
  assert.deepEqual([await statusWith(edge, key), await statusWith(edge, key, "203.0.113.9")], [403, 200]);

  await page.getByRole("button", { name: "Change", exact: true }).click();
  await assertAccessible(page);
  for (const name of ["Expires", "A request weighs", "Models", "Only from addresses", "Only from web pages of", "Notes"]) await page.getByRole("form").getByLabel(name).fill("");
  for (const name of ["Limits of its own", "Credits of its own", "Permissions of its own"]) await page.getByRole("checkbox", { name }).uncheck();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("form").waitFor({ state: "detached" });
  assert.deepEqual(await of(), {
    name: "whole",
    owner: "whole",
    plan: "whole",
    at: undefined,
    cost: undefined,
    models: undefined,
    limits: [],
    credits: undefined,
    scopes: undefined,
    addresses: undefined,
    origins: undefined,
    metadata: undefined,
    selfService: true,
  });
  assert.equal(await statusWith(edge, key), 200);
});

test("what is wrong with a field is said at that field, and nothing that was typed is lost", async (t) => {
  await makePlan(edge, "closed", 100);
  const page = await openConsole(t, browser, edge, "#keys/new");
  await field(page, "Name").fill("faulty");
  await page.getByLabel("Plan", { exact: true }).selectOption("closed");
  await page.getByLabel("Taken by its owner").check();
  const addresses = field(page, "Only from addresses");
  const origins = field(page, "Only from web pages of");
  const notes = field(page, "Notes");
  const expires = page.getByLabel("Expires");
  await expires.fill("2001-01-01T00:00");
  await addresses.fill("127.0.0.1 nowhere");
  await origins.fill("app.example/page");
  await notes.fill("{ no json");
  const make = page.getByRole("button", { name: "Make the key" });
  /** Sends it: it comes back with this said of the field, which has the focus, and nowhere else. */
  const refused = async (at: Locator, said: RegExp): Promise<void> => {
    await make.click();
    await page.getByRole("alert").filter({ hasText: said }).waitFor();
    assert.equal(await page.getByRole("alert").count(), 1);
    await page.waitForFunction((element) => document.activeElement === element, await at.elementHandle());
    const by = (await at.getAttribute("aria-describedby"))?.split(" ") ?? [];
    const texts = await Promise.all(by.map((id) => page.locator(`[id="${id}"]`).innerText()));
    assert.match(texts.join(" "), said);
  };
  // First what the page can tell by itself, then what the service finds, one after the other.
  await refused(notes, /no JSON object/);
  await assertAccessible(page);
  await notes.fill("");
  await refused(addresses, /addresses or CIDR blocks/);
  await addresses.fill("127.0.0.1");
  await refused(origins, /of the form https:/);
  await assertAccessible(page);
  await origins.fill("https://app.example");
  await refused(expires, /in the past/);
  await expires.fill("");
  await refused(page.getByLabel("Taken by its owner"), /needs `owner`/);
  await field(page, "Owner").fill("faulty");
  await refused(page.getByLabel("Plan", { exact: true }), /not for self-service/);
  await page.getByLabel("Taken by its owner").uncheck();
  await page.getByRole("checkbox", { name: "Permissions of its own" }).check();
  await make.click();
  const scopes = page.getByRole("group", { name: "Permissions of its own" });
  await scopes.getByText("Choose what it may do.").waitFor();
  await scopes.getByLabel("Transcribe").check();
  await page.getByLabel("Limits of its own").check();
  const limits = page.getByRole("group", { name: "Limits of its own" });
  await limits.getByRole("button", { name: "Add a limit" }).click();
  await field(limits, "Name").nth(1).fill("requests");
  await make.click();
  await limits.getByRole("alert").filter({ hasText: "requests" }).waitFor();
  await assertAccessible(page);
  // The focus does not vanish with a limit that is taken away.
  await limits.getByRole("button", { name: "Remove the limit requests" }).nth(1).press("Enter");
  assert.equal(await field(limits, "Name").count(), 1);
  await page.waitForFunction((element) => document.activeElement === element, await limits.getByRole("button", { name: "Add a limit" }).elementHandle());
  await make.click();
  await page.getByText("The key is made").waitFor();
});

test("by keyboard alone: the focus goes where it goes on, and comes back", async (t) => {
  const { id } = await create(edge, { name: "typed", credits: { balance: 5 } });
  const page = await openConsole(t, browser, edge, `#keys/${id}`);
  await heading(page, "typed").waitFor();
  const name = field(page, "Name").first();
  const focused = (locator: Locator): Promise<unknown> => locator.elementHandle().then((of) => page.waitForFunction((element) => document.activeElement === element, of));
  const button = (called: string): Locator => page.locator("main").getByRole("button", { name: called, exact: true }).first();
  const press = async (called: string): Promise<void> => {
    await button(called).focus();
    await page.keyboard.press("Enter");
  };
  await press("Change");
  await focused(name);
  await page.getByRole("button", { name: "Cancel" }).focus();
  await page.keyboard.press("Enter");
  await focused(button("Change"));

  await press("Change");
  await focused(name);
  await name.fill("typed by keyboard");
  await page.keyboard.press("Enter");
  await heading(page, "typed by keyboard").waitFor();
  await focused(button("Change"));

  await press("Switch off");
  await button("Switch on").waitFor();
  await focused(button("Switch on"));

  for (const asking of ["Credits", "Rotate", "Revoke"]) {
    await press(asking);
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await focused(button(asking));
  }
  await press("Rotate");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).focus();
  await page.keyboard.press("Enter");
  await focused(page.getByRole("heading", { name: "The new key" }));
  // What had the focus is gone with what was done: reading goes on at the title.
  await press("It is kept, close");
  await focused(heading(page, "typed by keyboard"));
  await press("Revoke");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).focus();
  await page.keyboard.press("Enter");
  await button("Change").waitFor({ state: "detached" });
  await focused(heading(page, "typed by keyboard"));
});

test("of two changes of a key at once the second is told, and keeps what was typed", async (t) => {
  const { id } = await create(edge, { name: "twice" });
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
  const { id } = await create(edge, { name: "alone", owner: "alone" });
  const page = await openConsole(t, browser, edge, "#keys");
  // What the page itself takes of a processor, in seconds: how busy the machine is with others is no subject here.
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const worked = async (): Promise<number> => {
    const { metrics } = await devtools.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN;
  };
  await page.getByLabel("Search for").fill("crowd");
  await page.getByRole("button", { name: "Search" }).click();
  // Those of others were there before.
  await page.waitForFunction(() => {
    const rows = Array.from(document.querySelectorAll("tbody tr"));
    return rows.length > 0 && rows.every(({ textContent }) => textContent.includes("crowd"));
  });
  assert.equal(await page.getByRole("row").count(), 101);
  const first = await page.getByRole("rowheader").first().innerText();
  const before = await worked();
  await page.getByRole("link", { name: "Next page" }).click();
  await page.getByRole("link", { name: "Previous page" }).waitFor();
  await page.waitForFunction((name) => document.querySelector("tbody th")?.textContent !== name, first);
  // A hundred rows take a fifth of this; many more would be felt.
  const turn = (await worked()) - before;
  assert.ok(turn <= 1, `the next page took ${String(turn)} s of a processor`);
  await page.getByRole("link", { name: "Next page" }).click();
  await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null);
  await page.goBack();
  await page.getByRole("link", { name: "Previous page" }).click();
  await page.getByRole("rowheader", { name: first, exact: true }).waitFor();

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

