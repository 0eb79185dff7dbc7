// The console: what is seen in its sections. Keys, and plans and owners, have files of their own.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible, SAMPLE, startBrowser, visit } from "./browser.ts";
import { admin, create, enterRootKey, field, heading, makePlan, type Made, openConsole, section } from "./console.ts";
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
  const { id, key } = await create(edge, { owner: "traffic", limits: [{ name: "two", kind: "rate", unit: "requests", limit: 2, window_seconds: 3600 }] });
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
  const { key } = await create(edge);
  await transcribe(key);
  await row.getByText("Healthy").waitFor();
  await row.getByText("settings").waitFor();
  await assertAccessible(page);
});

test("the audit tells who changed what, is filtered and paged, and back and forward work", async (t) => {
  const made: Made[] = [];
  for (let at = 0; at < 51; at += 1) made.push(await create(edge, { owner: "audited", name: `number ${String(at)}` }));
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

const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "phone", colorScheme: "dark", viewport: { width: 390, height: 844 } },
] as const;

for (const { name, ...options } of LOOKS) {
  test(`every section, ${name}: axe finds nothing, nothing is wider than the window, back leads back`, async (t) => {
    await makePlan(edge, "look", 10, { self_service: true });
    const { id } = await create(edge, { owner: "look", plan: "look" });
    const { id: root } = await admin<Made>(edge, "POST", "/admin/root-keys", { name: "look", scopes: ["admin:usage"] });
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
    for (const hash of [`#keys/${id}`, "#keys/new", "#plans/new", "#plans/look", "#owners/look", "#root-keys/new", `#root-keys/${root}`]) {
      await page.goto(`${edge.url}/admin${hash}`);
      await look();
    }
  });
}
