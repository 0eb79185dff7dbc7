// What goes wrong on the playground, and what the person is told of it.
import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { SAMPLE, startBrowser, visit, wavOf } from "./browser.ts";
import { assertHeard, choose, enterKey, transcribeButton, transcript } from "./playground.ts";
import { type Edge, folder, makeKey, type Service, startEdge, startService } from "./processes.ts";
import { type Relay, startRelay } from "./relay.ts";

let service: Service, edge: Edge, relay: Relay, browser: Browser, key: string, long: { name: string; mimeType: string; buffer: Buffer };

before(async () => {
  service = await startService();
  [edge, browser] = await Promise.all([startEdge(service), startBrowser()]);
  relay = await startRelay(edge.url);
  key = await makeKey(edge);
  // Long enough to be cut off amid: three quarters of a minute.
  long = { name: "long.wav", mimeType: "audio/wav", buffer: await wavOf(browser, SAMPLE, 6) };
});

after(async () => {
  await browser.close();
  await relay.stop();
  await edge.stop();
  await service.stop();
});

test("without a key it is asked for one; a wrong one is told", async (t) => {
  const page = await visit(t, browser, edge.url);
  await choose(page, SAMPLE);
  await transcribeButton(page).click();
  await page.getByText("Enter a key first.").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("type")), "password");
  await enterKey(page, "wk_live_nobody");
  await page.getByText("This key is not known").waitFor();
  await transcribeButton(page).click();
  await transcript(page).getByText("This key is not known").waitFor();
  // Once it is mended the same file goes.
  await page.getByRole("button", { name: "Forget" }).click();
  await enterKey(page, key);
  await transcribeButton(page).click();
  await assertHeard(page);
});

test("files that can't be heard: empty, enormous, too large, not audio", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  await choose(page, { name: "empty.wav", mimeType: "audio/wav", buffer: Buffer.alloc(0) });
  await page.getByText("The file is empty").waitFor();
  assert.ok(await transcribeButton(page).isDisabled());

  // Two gigabytes, of which the disk holds none.
  const huge = join(folder(), "huge.wav");
  writeFileSync(huge, "RIFF");
  truncateSync(huge, 2 * 1024 ** 3);
  await choose(page, huge);
  await page.getByText("The file is too large").waitFor();
  assert.ok(await transcribeButton(page).isDisabled());
  await page.getByRole("link", { name: "To the jobs" }).waitFor();

  const large = join(folder(), "large.wav");
  writeFileSync(large, "RIFF");
  truncateSync(large, 26 * 1024 ** 2);
  await choose(page, large);
  await page.getByText("The file is large").waitFor();
  await transcribeButton(page).click();
  await transcript(page).getByText("The file is too large").waitFor();
  await transcript(page).getByRole("link", { name: "To the jobs" }).waitFor();

  await choose(page, { name: "talk.mp3", mimeType: "audio/mpeg", buffer: Buffer.from("This is no audio. ".repeat(100)) });
  await page.getByText("This does not look like audio").waitFor();
  await transcribeButton(page).click();
  await transcript(page).getByText("This is not audio that can be read").waitFor();
});

test("a limit that is reached counts down, and lets go on at its end", async (t) => {
  const page = await visit(t, browser, edge.url);
  const few = await makeKey(edge, { limits: [{ name: "few", kind: "rate", unit: "requests", limit: 2, window_seconds: 6 }] });
  // The list of models is the first request.
  await enterKey(page, few);
  await choose(page, SAMPLE);
  await transcribeButton(page).click();
  await assertHeard(page);
  await transcribeButton(page).click();
  const notice = transcript(page).getByRole("alert");
  await notice.getByText("Too many requests").waitFor();
  const again = notice.getByRole("button", { name: "Try again" });
  assert.ok(await again.isDisabled());
  const first = Number(await notice.locator("[data-countdown]").getAttribute("data-countdown"));
  assert.ok(first >= 1 && first <= 7, String(first));
  await notice.locator(`[data-countdown="${String(first - 1)}"]`).waitFor({ state: first > 1 ? "visible" : "detached" });
  await page.waitForFunction(() => document.querySelector("[data-countdown]") === null);
  await again.click();
  await assertHeard(page);
});

test("a scope that is missing, a host that is not there, a limiter that is away are told in words", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, await makeKey(edge, { scopes: ["translate"] }));
  await choose(page, SAMPLE);
  await transcribeButton(page).click();
  await transcript(page).getByText("This key may not do that").waitFor();
  const alone = await startEdge(null);
  t.after(() => alone.stop());
  const other = await visit(t, browser, alone.url);
  await enterKey(other, await makeKey(alone));
  await other.getByLabel("Model").getByRole("option", { name: "tiny.en" }).waitFor({ state: "attached" });
  await choose(other, SAMPLE);
  await transcribeButton(other).click();
  await transcript(other).getByText("The service broke off").waitFor();
  await fetch(`${alone.url}/__bindings`, { method: "PUT", body: "LIMITER" });
  await transcript(other).getByRole("button", { name: "Try again" }).click();
  const notice = transcript(other).getByRole("alert");
  await notice.getByText("The service can't answer now").waitFor();
  await notice.locator("[data-countdown]").waitFor();
});

test("a network that is lost amid the upload: told, and retried with all that was chosen", async (t) => {
  const page = await visit(t, browser, relay.url);
  await enterKey(page, key);
  await page.getByLabel("Names and terms").fill("sunshine");
  await choose(page, long);
  const held = relay.holdUpload(500_000);
  // The browser may soon take all of it for sent: the network has room for what nobody reads.
  await page.evaluate(() => {
    new MutationObserver(() => {
      if (document.querySelector(".result")?.textContent.includes("Sending")) Object.assign(globalThis, { wasSending: true });
    }).observe(document.body, { subtree: true, childList: true });
  });
  await transcribeButton(page).click();
  await held;
  assert.ok(await page.evaluate(() => "wasSending" in globalThis));
  relay.cut();
  const notice = transcript(page).getByRole("alert");
  await notice.getByText("The connection was lost").waitFor();
  assert.equal(await page.getByLabel("Names and terms").inputValue(), "sunshine");
  await page.getByText("long.wav", { exact: true }).waitFor();
  relay.mend();
  await notice.getByRole("button", { name: "Try again" }).click();
  await assertHeard(page);
});

test("a network that is lost amid the answer: what was heard stays, and it is retried", async (t) => {
  const page = await visit(t, browser, relay.url);
  await enterKey(page, key);
  await choose(page, long);
  const held = relay.holdAnswer("transcript.text.segment");
  await transcribeButton(page).click();
  await held;
  await page.locator(".piece").first().waitFor();
  relay.cut();
  const notice = transcript(page).getByRole("alert");
  await notice.getByText("The connection was lost").waitFor();
  await notice.getByText("What was heard until then stays here.").waitFor();
  assert.ok((await page.locator(".piece").count()) >= 1);
  relay.mend();
  await notice.getByRole("button", { name: "Try again" }).click();
  await assertHeard(page);
  assert.equal(await page.getByText("The connection was lost").count(), 0);
});

test("offline at the start is told, and goes on when the network is back", async (t) => {
  const page = await visit(t, browser, edge.url);
  await enterKey(page, key);
  await choose(page, SAMPLE);
  await page.context().setOffline(true);
  await transcribeButton(page).click();
  const notice = transcript(page).getByRole("alert");
  await notice.getByText("The connection was lost").waitFor();
  await page.context().setOffline(false);
  await notice.getByRole("button", { name: "Try again" }).click();
  await assertHeard(page);
});

test("cancelling, and leaving the page, gives up the work: the key's only place is free again", async (t) => {
  const single = await makeKey(edge, {
    limits: [
      { name: "one", kind: "concurrency", limit: 1 },
      { name: "many", kind: "rate", unit: "requests", limit: 10_000, window_seconds: 60 },
    ],
  });
  const page = await visit(t, browser, edge.url);
  await enterKey(page, single);
  await choose(page, long);
  await transcribeButton(page).click();
  await page.locator(".piece").first().waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await transcript(page).getByText("Cancelled", { exact: true }).waitFor();
  await untilAdmitted(single);

  await transcribeButton(page).click();
  await page.locator(".piece").first().waitFor();
  await page.goto(`${edge.url}/docs`);
  await untilAdmitted(single);
  // Back again: no half of a transcript pretends to go on.
  await page.goBack();
  await page.getByRole("heading", { level: 1 }).waitFor();
  assert.equal(await page.locator("[aria-busy=true]").count(), 0);
});

/** Asks until the key has a place; it comes free when the service has heard that nobody waits. */
async function untilAdmitted(of: string): Promise<void> {
  for (;;) {
    const form = new FormData();
    form.set("model", "whisper-1");
    form.set("file", new Blob(["no audio"]), "no.wav");
    const answer = await fetch(`${edge.url}/v1/audio/transcriptions`, { method: "POST", headers: { authorization: `Bearer ${of}` }, body: form });
    await answer.body?.cancel();
    // Admitted: what it refuses is the file.
    if (answer.status === 400) return;
    assert.equal(answer.status, 429);
  }
}
