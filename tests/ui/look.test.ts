// How the pages look and are used: light and dark, narrow and wide, by keyboard, and by what axe says.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { SAMPLE, startBrowser, visit } from "./browser.ts";
import { assertLooks, LOOKS } from "./looks.ts";
import { assertHeard, choose, enterKey, transcribeButton, transcript } from "./playground.ts";
import { type Edge, makeKey, type Service, startEdge, startService } from "./processes.ts";

let service: Service, edge: Edge, browser: Browser, key: string;

before(async () => {
  service = await startService();
  [edge, browser] = await Promise.all([startEdge(service), startBrowser()]);
  key = await makeKey(edge);
});

after(async () => {
  await browser.close();
  await edge.stop();
  await service.stop();
});

const ground = "getComputedStyle(document.body).backgroundColor";

for (const { name, ...options } of LOOKS) {
  test(`the playground in every state, ${name}: axe finds nothing, nothing is wider than the window`, async (t) => {
    const page = await visit(t, browser, edge.url, options);
    const look = (): Promise<void> => assertLooks(page);
    await look();
    await transcript(page).getByText("Nothing heard yet").waitFor();
    await choose(page, { name: "not audio.wav", mimeType: "audio/wav", buffer: Buffer.from("This is no audio. ".repeat(100)) });
    await enterKey(page, key);
    await transcribeButton(page).click();
    await transcript(page).getByRole("alert").waitFor();
    await look();
    await choose(page, SAMPLE);
    await page.getByLabel("Keep the transcript").check();
    await transcribeButton(page).click();
    await page.getByText("Click a word").waitFor();
    await page.locator(".word", { hasText: "birds" }).click();
    await page.locator(".word[data-now=true]").waitFor();
    await page.locator("audio").evaluate((audio: HTMLAudioElement) => { audio.pause(); });
    await look();
    await page.getByRole("button", { name: "Share…" }).click();
    await page.getByRole("dialog").waitFor();
    await look();
  });
}

test("the look is the system's, until one is chosen; the choice is remembered and there from the first drawing", async (t) => {
  const page = await visit(t, browser, edge.url, { colorScheme: "dark" });
  const dark = await page.evaluate<string>(ground);
  await page.getByRole("button", { name: "Light look" }).click();
  const light = await page.evaluate<string>(ground);
  assert.notEqual(light, dark);
  await page.addInitScript(() => {
    addEventListener("DOMContentLoaded", () => { document.documentElement.dataset.before = document.documentElement.dataset.look ?? ""; });
  });
  await page.reload();
  await page.getByRole("button", { name: "Dark look" }).waitFor();
  assert.equal(await page.evaluate<string>(ground), light);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.before), "light");
});

test("the whole flow by keyboard", async (t) => {
  const page = await visit(t, browser, edge.url);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "To the content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.type(key);
  await page.keyboard.press("Enter");
  await page.getByText("wk_live_…").waitFor();
  await choose(page, SAMPLE);
  await transcribeButton(page).press("Enter");
  await assertHeard(page);
  const curl = page.getByRole("tab", { name: "curl" });
  await curl.focus();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("tabpanel", { name: "Python" }).getByText("import httpx").waitFor();
  await page.keyboard.press("End");
  await page.getByRole("tabpanel", { name: "JavaScript" }).getByText("new FormData()").waitFor();
});

test("nothing jumps, few requests, and every answer of a page carries the policy", async (t) => {
  const page = await visit(t, browser, edge.url);
  const urls = new Set<string>();
  const policies: (string | undefined)[] = [];
  page.on("response", (response) => {
    urls.add(response.url());
    policies.push(response.headers()["content-security-policy"]);
  });
  await page.addInitScript(() => {
    const shifts: number[] = [];
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.push((entry as PerformanceEntry & { value: number }).value);
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(edge.url, { waitUntil: "networkidle" });
  const shifts = await page.evaluate(() => (globalThis as unknown as { shifts: number[] }).shifts);
  assert.deepEqual(shifts, []);
  assert.ok(urls.size <= 10, [...urls].join(" "));
  for (const policy of policies) {
    assert.match(policy ?? "", /default-src 'none'.*frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'/);
  }
});

test("the policy is enforced: text becomes no markup and no script, and nothing is asked elsewhere", async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(edge.url);
  const refused = await page.evaluate(
    () =>
      new Promise<string[]>((done) => {
        const breaches: string[] = [];
        addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
          breaches.push(effectiveDirective);
          if (new Set(breaches).size === 4) done(breaches);
        });
        const style = document.createElement("style");
        style.textContent = "p { color: red }";
        document.head.append(style);
        const image = new Image();
        image.src = "https://example.invalid/image.png";
        fetch("https://example.invalid/").catch(() => undefined);
        try {
          document.body.innerHTML = "<img src=x onerror=alert(1)>";
        } catch {
          // As it should be.
        }
      }),
  );
  assert.deepEqual([...new Set(refused)].sort(), ["connect-src", "img-src", "require-trusted-types-for", "style-src-elem"]);
});

test("what is no page is the API's: JSON, also where a browser asks", async () => {
  for (const path of ["/nowhere", "/keys.txt", "/v1/nowhere", "/portal/nowhere", "/_headers"]) {
    const answer = await fetch(edge.url + path, { headers: { "sec-fetch-mode": "navigate", accept: "text/html" } });
    assert.equal(answer.status, 404, path);
    assert.equal(((await answer.json()) as { error: { code: string } }).error.code, "not_found");
  }
  assert.equal((await fetch(`${edge.url}/healthz`)).status, 200);
  const script = /\/assets\/[^"]+\.js/.exec(await (await fetch(edge.url)).text())?.[0] ?? "";
  assert.equal((await fetch(edge.url + script)).headers.get("cache-control"), "public, max-age=31536000, immutable");
});
