// The console: root keys, and invitations to the portal.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible, startBrowser, visit } from "./browser.ts";
import { admin, enterRootKey, field, heading, type Made, openConsole, secret, section } from "./console.ts";
import { type Edge, startEdge } from "./processes.ts";

/** No service: nothing is to be heard here. */
let edge: Edge, browser: Browser;

before(async () => {
  [edge, browser] = await Promise.all([startEdge(null, { PORTAL_AUTH: "session" }), startBrowser()]);
});

after(async () => {
  await browser.close();
  await edge.stop();
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
  await page.getByRole("link", { name: "for plans" }).click();
  await heading(page, "for plans").waitFor();
  await page.getByRole("definition").filter({ hasText: /^Plans$/ }).waitFor();
  await page.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.locator("main").getByText("Revoked", { exact: true }).waitFor();
  await section(other, "Plans");
  await other.getByText("The root key is not accepted").waitFor();
});

test("a root key is changed, switched off and on, and rotated: what is done in the page holds at once", async (t) => {
  const { id, key } = await admin<Made>(edge, "POST", "/admin/root-keys", { name: "reader", scopes: ["admin:plans"] });
  const may = async (path: string, as = key): Promise<number> => (await fetch(`${edge.url}${path}`, { headers: { authorization: `Bearer ${as}`, "cf-connecting-ip": "127.0.0.1" } })).status;
  assert.deepEqual([await may("/admin/plans"), await may("/admin/keys")], [200, 403]);
  const page = await openConsole(t, browser, edge, `#root-keys/${id}`);
  await heading(page, "reader").waitFor();
  const change = async (): Promise<void> => {
    await page.getByRole("button", { name: "Change", exact: true }).click();
    await page.getByRole("form").waitFor();
  };
  const save = async (): Promise<object> => {
    const sent = page.waitForRequest((request) => request.method() === "PATCH");
    await page.getByRole("button", { name: "Save" }).click();
    return (await sent).postDataJSON() as object;
  };
  await change();
  await field(page, "Name").fill("keeper");
  await page.getByLabel("Plans", { exact: true }).uncheck();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("group", { name: "It may" }).getByText("Choose what it may do.").waitFor();
  await page.getByLabel("Keys", { exact: true }).check();
  await field(page, "Notes").fill('{"of": "the night watch"}');
  await assertAccessible(page);
  assert.deepEqual(await save(), { name: "keeper", admin_scopes: ["admin:keys"], metadata: { of: "the night watch" }, version: 1 });
  await heading(page, "keeper").waitFor();
  await page.getByText("the night watch").waitFor();
  assert.deepEqual([await may("/admin/plans"), await may("/admin/keys")], [403, 200]);

  await change();
  await field(page, "Only from addresses").fill("nowhere");
  await save();
  await page.getByRole("alert").filter({ hasText: "addresses or CIDR blocks" }).waitFor();
  await field(page, "Only from addresses").fill("203.0.113.7");
  await page.getByLabel("Expires").fill("2099-12-31T12:00");
  // Somebody else was faster: what was typed stays.
  await admin(edge, "PATCH", `/admin/root-keys/${id}`, { name: "theirs" });
  await save();
  await page.getByText("Somebody else changed it first").waitFor();
  assert.equal(await field(page, "Only from addresses").inputValue(), "203.0.113.7");
  await page.getByRole("button", { name: "Cancel" }).click();
  await heading(page, "theirs").waitFor();
  await change();
  await field(page, "Only from addresses").fill("203.0.113.7");
  assert.deepEqual(Object.keys(await save()).sort(), ["allowed_ips", "version"]);
  await page.getByRole("definition").filter({ hasText: "203.0.113.7" }).waitFor();
  assert.equal(await may("/admin/keys"), 403);
  await change();
  await field(page, "Only from addresses").fill("");
  await save();
  await page.getByRole("definition").filter({ hasText: "203.0.113.7" }).waitFor({ state: "detached" });
  assert.equal(await may("/admin/keys"), 200);

  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByRole("button", { name: "Switch on" }).waitFor();
  assert.equal(await may("/admin/keys"), 401);
  await page.getByRole("button", { name: "Switch on" }).click();
  await page.getByRole("button", { name: "Switch off" }).waitFor();
  await page.getByRole("button", { name: "Rotate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  const rotated = await secret(page, "Root key");
  assert.equal(await may("/admin/keys", rotated), 200);
  await assertAccessible(page);
});

test("what is wrong with an invitation is said at that field", async (t) => {
  const page = await openConsole(t, browser, edge, "#invitations");
  const refused = async (name: string, said: RegExp): Promise<void> => {
    await page.getByRole("button", { name: "Make a link" }).click();
    await page.locator(".field").filter({ has: field(page, name) }).getByRole("alert").filter({ hasText: said }).waitFor();
    assert.equal(await page.getByRole("alert").count(), 1);
  };
  await field(page, "Owner").fill("no owner");
  await refused("Owner", /`owner` must be/);
  await field(page, "Owner").fill("invited");
  await field(page, "Plans to choose from").fill("starter Pro");
  await refused("Plans to choose from", /1 to 32 of a-z/);
  await field(page, "Plans to choose from").fill("starter");
  await page.getByRole("button", { name: "Make a link" }).click();
  await page.getByText("The link is made").waitFor();
});
