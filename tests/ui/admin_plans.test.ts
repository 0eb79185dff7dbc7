// The console: plans, and owners.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Locator } from "playwright-core";
import { assertAccessible, startBrowser } from "./browser.ts";
import { admin, create, field, heading, type Made, openConsole, statusWith } from "./console.ts";
import { type Edge, startEdge } from "./processes.ts";

/** No service: nothing is to be heard here. */
let edge: Edge, browser: Browser;

before(async () => {
  [edge, browser] = await Promise.all([startEdge(null), startBrowser()]);
});

after(async () => {
  await browser.close();
  await edge.stop();
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
  // The button that asked for it is gone with it.
  await page.waitForFunction(() => document.activeElement?.id === "section");
});

test("what is wrong with a plan is said at that field", async (t) => {
  const page = await openConsole(t, browser, edge, "#plans/new");
  const name = field(page, "Name").first();
  await name.fill("Big Plan");
  await page.getByRole("button", { name: "Add a limit" }).click();
  const limits = page.getByRole("group", { name: "Limits" });
  await field(limits, "Name").nth(1).fill("requests");
  await page.getByLabel("Models").fill("not/a/model");
  const refused = async (of: Locator, said: RegExp): Promise<void> => {
    await page.getByRole("button", { name: "Save" }).click();
    await of.getByRole("alert").filter({ hasText: said }).waitFor();
    assert.equal(await page.getByRole("alert").count(), 1);
  };
  const around = (of: Locator): Locator => page.locator(".field").filter({ has: of });
  await refused(around(name), /1 to 32 of a-z/);
  await assertAccessible(page);
  await name.fill("big");
  await refused(limits, /requests/);
  await field(limits, "Name").nth(1).fill("others");
  await refused(around(page.getByLabel("Models")), /names of models/);
  await page.getByLabel("Models").fill("*");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("listitem", { name: "big" }).waitFor();
});

test("an owner's shared limits, and the deletion of all that is kept about one", async (t) => {
  const { key } = await create(edge, { owner: "leaver" });
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

