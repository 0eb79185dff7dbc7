// Administrators who stay signed in: a cookie that no script sees stands for the root key.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { assertAccessible, startBrowser, visit } from "./browser.ts";
import { admin, field, heading, type Made, section } from "./console.ts";
import { type Edge, startEdge } from "./processes.ts";

let edge: Edge, browser: Browser;

before(async () => {
  [edge, browser] = await Promise.all([startEdge(null), startBrowser()]);
});

after(async () => {
  await browser.close();
  await edge.stop();
});

const makeRootKey = (): Promise<Made> => admin<Made>(edge, "POST", "/admin/root-keys", { name: "a colleague", scopes: ["admin:*"] });

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("Root key").fill(key);
  await page.getByLabel("Stay signed in").check();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Signed in with").waitFor();
}

/** What scripts of the page could read of a key. */
const readable = (page: Page): Promise<string> =>
  page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]));

test("who stays signed in is so in every tab and after a reload, and no script can read the key", async (t) => {
  const { id, key } = await makeRootKey();
  const page = await visit(t, browser, `${edge.url}/admin#plans`);
  await signIn(page, key);
  await page.getByText(id).waitFor();
  await heading(page, "Plans").waitFor();
  await assertAccessible(page);
  assert.equal((await readable(page)).includes(key), false);
  const other = await page.context().newPage();
  await other.goto(`${edge.url}/admin#plans`);
  await other.getByText(id).waitFor();
  await page.reload();
  await page.getByText(id).waitFor();
  await heading(page, "Plans").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Root key").waitFor();
  // The other tab is told, without being asked.
  await other.getByText("Your session is over").waitFor();
  assert.equal(await readable(page), JSON.stringify([[], [], ""]));
  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.filter(({ name }) => name === "__Host-console"), []);
});

test("a session that ends amid the work is told, and nothing that was typed is lost", async (t) => {
  const { key } = await makeRootKey();
  const page = await visit(t, browser, `${edge.url}/admin#plans`);
  await signIn(page, key);
  await page.getByRole("link", { name: "Make a plan" }).click();
  await field(page, "Name").first().fill("typed-before");
  await page.context().clearCookies();
  const make = page.getByRole("button", { name: "Save" });
  await make.click();
  await page.getByText("Your session is over").waitFor();
  await assertAccessible(page);
  assert.equal(await field(page, "Name").first().inputValue(), "typed-before");
  await page.getByLabel("Root key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Signed in with").waitFor();
  await make.click();
  await page.getByRole("listitem", { name: "typed-before" }).waitFor();
});

test("a session whose root key is revoked is refused at once", async (t) => {
  const { id, key } = await makeRootKey();
  const page = await visit(t, browser, `${edge.url}/admin#plans`);
  await signIn(page, key);
  await admin(edge, "DELETE", `/admin/root-keys/${id}`);
  await section(page, "Keys");
  await page.getByText("The root key is not accepted").waitFor();
});

test("a root key that is none begins no session", async (t) => {
  const page = await visit(t, browser, `${edge.url}/admin`);
  await page.getByLabel("Stay signed in").check();
  await page.getByLabel("Root key").fill("root_nobody");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("The root key is not accepted").waitFor();
  assert.equal(await page.getByLabel("Root key").inputValue(), "root_nobody");
});
