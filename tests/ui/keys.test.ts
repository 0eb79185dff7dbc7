// The page of the keys: signing in, taking a key, looking after it, and that what is done holds at once.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test, type TestContext } from "node:test";
import type { Browser, Page } from "playwright-core";
import { assertAccessible, SAMPLE, startBrowser, visit } from "./browser.ts";
import { admin, field, makePlan, openConsole, section, statusWith } from "./console.ts";
import { choose, transcribeButton, transcript } from "./playground.ts";
import { type Edge, startEdge } from "./processes.ts";

/** No service: nothing is to be heard here. */
let open: Edge, byLink: Edge, browser: Browser;

before(async () => {
  [open, byLink, browser] = await Promise.all([
    startEdge(null, { PORTAL_AUTH: "open", PORTAL_SIGN_INS_PER_HOUR: "1000" }),
    startEdge(null, { PORTAL_AUTH: "session" }),
    startBrowser(),
  ]);
  for (const edge of [open, byLink]) {
    await makePlan(edge, "starter", 5, { self_service: true, credits: { balance: 100 }, retention_days: 30 });
    await makePlan(edge, "staff", 5);
  }
  await makePlan(open, "tiny", 2, { self_service: true });
});

after(async () => {
  await browser.close();
  await open.stop();
  await byLink.stop();
});

async function signIn(page: Page, name: string): Promise<void> {
  await field(page, "Your name").fill(name);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Signed in as").waitFor();
}

async function enter(t: TestContext, name: string): Promise<Page> {
  const page = await visit(t, browser, `${open.url}/keys`);
  await signIn(page, name);
  return page;
}

/** Takes a key on a plan: it is shown once. */
async function take(page: Page, plan: string, name: string): Promise<string> {
  await page.getByRole("button", { name: `Choose ${plan}` }).click();
  await field(page.getByRole("dialog"), "Name of the key").fill(name);
  await page.getByRole("button", { name: "Get the key" }).click();
  return field(page, "API key").inputValue();
}

const card = (page: Page, name: string) => page.getByRole("listitem", { name, exact: true });

test("where keys are not given out, that is said", async (t) => {
  const off = await startEdge(null);
  t.after(off.stop);
  const page = await visit(t, browser, `${off.url}/keys`);
  await page.getByText("Keys are not given out here").waitFor();
  await assertAccessible(page);
});

test("a key from its taking to its end: it works at once, and is refused at once", async (t) => {
  const page = await enter(t, "Ann");
  const plan = card(page, "starter");
  await plan.getByText("5 requests a minute").waitFor();
  await plan.getByText("100 credits to start with").waitFor();
  await plan.getByText("Transcripts are kept for 30 days").waitFor();
  assert.equal(await card(page, "staff").count(), 0);
  const key = await take(page, "starter", "my first");
  assert.equal(await statusWith(open, key), 200);
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Your key");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy the key" }).click();
  await page.getByText("Copied.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
  await assertAccessible(page);
  await page.getByRole("button", { name: "It is kept, close" }).click();
  assert.equal(await page.locator("main").getByText(key).count(), 0);
  await plan.getByText("You have a key on this plan.").waitFor();

  // What was used stands beside the limits, without anybody asking.
  const mine = card(page, "my first");
  await mine.getByText("1 request used").waitFor();
  await statusWith(open, key);
  await mine.getByText("2 requests used").waitFor();
  assert.equal(await mine.getByLabel("5 requests a minute").getAttribute("value"), "2");
  await mine.getByText("Usage by day").click();
  await mine.getByRole("figure", { name: "Requests" }).locator("canvas").waitFor();
  await assertAccessible(page);

  await mine.getByRole("button", { name: "Rotate" }).click();
  await page.getByLabel("The old one works").selectOption("For an hour still");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  await page.getByText("Your new key").waitFor();
  const rotated = await field(page, "API key").inputValue();
  assert.notEqual(rotated, key);
  assert.deepEqual([await statusWith(open, key), await statusWith(open, rotated)], [200, 200]);
  await mine.getByText("The old secret works until").waitFor();

  // It is there after a reload; the secret is not.
  await page.reload();
  await mine.waitFor();
  assert.equal(await page.locator(".secret").count(), 0);

  await mine.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  assert.equal(await statusWith(open, rotated), 200);
  await mine.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await mine.waitFor({ state: "detached" });
  assert.deepEqual([await statusWith(open, key), await statusWith(open, rotated)], [401, 401]);
  await page.getByRole("button", { name: "Choose starter" }).waitFor();
});

test("a key goes on to the playground: there it is told that its plan is used up, with the seconds, and that it was revoked", async (t) => {
  const page = await enter(t, "Ben");
  const key = await take(page, "tiny", "small");
  assert.equal(await statusWith(open, key), 200);
  await page.getByRole("button", { name: "Use it in the playground" }).click();
  await page.getByRole("heading", { name: "Speech to text" }).waitFor();
  // The models that it may use were the other request.
  await page.getByLabel("Model").locator("option").first().waitFor({ state: "attached" });
  await choose(page, SAMPLE);
  await transcribeButton(page).click();
  await transcript(page).getByText("Too many requests").waitFor();
  const left = Number(await transcript(page).locator("[data-countdown]").getAttribute("data-countdown"));
  assert.ok(left > 0 && left <= 61, String(left));
  await page.waitForFunction((seconds) => Number(document.querySelector("[data-countdown]")?.getAttribute("data-countdown")) < seconds, left);
  const other = await page.context().newPage();
  await other.goto(`${open.url}/keys`);
  await card(other, "small").getByRole("button", { name: "Revoke" }).click();
  await other.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await card(other, "small").waitFor({ state: "detached" });
  assert.equal(await statusWith(open, key), 401);
  await transcribeButton(page).click();
  await transcript(page).getByText("This key was revoked").waitFor();
  assert.equal(await transcript(page).locator("[data-countdown]").count(), 0);
  await page.goBack();
  await page.getByText("Signed in as").waitFor();
  await page.getByText("No keys yet").waitFor();
});

test("of two tabs each sees what the other does; a second key on a plan is explained", async (t) => {
  const page = await enter(t, "Cleo");
  await page.getByRole("button", { name: "Choose starter" }).click();
  await field(page.getByRole("dialog"), "Name of the key").fill("too late");
  const other = await page.context().newPage();
  await other.goto(`${open.url}/keys`);
  const key = await take(other, "starter", "sooner");
  await page.getByRole("button", { name: "Get the key" }).click();
  await page.getByText("You have a key on this plan already").waitFor();
  await assertAccessible(page);
  await page.getByRole("button", { name: "Cancel" }).click();
  await card(page, "sooner").getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await card(other, "sooner").waitFor({ state: "detached" });
  assert.equal(await statusWith(open, key), 401);
  await other.getByRole("button", { name: "Sign out", exact: true }).click();
  await field(other, "Your name").waitFor();
  await page.getByRole("dialog", { name: "Sign in again" }).waitFor();
});

test("when the session is over nothing that was typed is lost", async (t) => {
  const page = await enter(t, "Dora");
  await page.getByRole("button", { name: "Choose starter" }).click();
  await field(page.getByRole("dialog"), "Name of the key").fill("typed with care");
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Get the key" }).click();
  const again = page.getByRole("dialog", { name: "Sign in again" });
  await again.waitFor();
  await assertAccessible(page);
  assert.equal(await field(again, "Your name").inputValue(), "Dora");
  await again.getByRole("button", { name: "Sign in" }).click();
  await again.waitFor({ state: "detached" });
  assert.equal(await field(page, "Name of the key").inputValue(), "typed with care");
  await page.getByRole("button", { name: "Get the key" }).click();
  assert.equal(await statusWith(open, await field(page, "API key").inputValue()), 200);
});

test("signing out here, and everywhere", async (t) => {
  const page = await enter(t, "Eve");
  const elsewhere = await enter(t, "Eve");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await field(page, "Your name").waitFor();
  await elsewhere.reload();
  await elsewhere.getByText("Signed in as").waitFor();
  await signIn(page, "Eve");
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await field(page, "Your name").waitFor();
  await elsewhere.reload();
  await field(elsewhere, "Your name").waitFor();
});

test("keys that an administrator made are shown, and can't be changed", async (t) => {
  await admin(open, "POST", "/admin/keys", { name: "given", owner: "open|fay", plan: "staff", metadata: { secret: "of the administrator" } });
  const page = await enter(t, "Fay");
  await card(page, "given").getByText("An administrator made this key").waitFor();
  assert.equal(await card(page, "given").getByRole("button").count(), 0);
  assert.equal(await page.getByText("of the administrator").count(), 0);
});

test("a one-time link signs in once, and leaves nothing in the address", async (t) => {
  const console = await openConsole(t, browser, byLink);
  await section(console, "Invitations");
  await field(console, "Owner").fill("acme");
  await field(console, "Greeted as").fill("Ann of Acme");
  await field(console, "Plans to choose from").fill("starter");
  await console.getByRole("button", { name: "Make a link" }).click();
  const link = await field(console, "Link").inputValue();
  await assertAccessible(console);

  const page = await visit(t, browser, `${byLink.url}/keys`);
  await page.getByText("You come here by a link").waitFor();
  await assertAccessible(page);
  await page.goto(link);
  await page.getByText("Ann of Acme").waitFor();
  assert.equal(page.url(), `${byLink.url}/keys`);
  const key = await take(page, "starter", "by invitation");
  assert.equal(await statusWith(byLink, key), 200);

  const other = await visit(t, browser, link);
  await other.getByText("This link does not sign you in").waitFor();
  await other.getByText("You come here by a link").waitFor();
  assert.equal(other.url(), `${byLink.url}/keys`);
});

test("where a provider knows people, one is sent there, and is told if that went wrong", async (t) => {
  const oidc = await startEdge(null, { PORTAL_AUTH: "oidc", OIDC_ISSUER: "http://127.0.0.1:1", OIDC_CLIENT_ID: "pages" });
  t.after(oidc.stop);
  const page = await visit(t, browser, `${oidc.url}/keys#sign-in-failed=invalid_sign_in`);
  await page.getByText("This link does not sign you in").waitFor();
  assert.equal(page.url(), `${oidc.url}/keys`);
  assert.equal(await page.getByRole("link", { name: "Sign in with your account" }).getAttribute("href"), "/portal/sign-in?return=/keys");
  await page.goto(`${oidc.url}/keys#sign-in-failed=sign_in_failed`);
  await page.getByText("The sign-in did not work").waitFor();
  await page.goto(`${oidc.url}/keys#sign-in-failed=<img src=x onerror=alert(1)>`);
  await page.getByText("The sign-in did not work").waitFor();
  await assertAccessible(page);
});

test("a challenge is loaded where the deployment has one, under the page's policy, and each answer is good once", async (t) => {
  const answers = new Set(["answer 2"]);
  const verifier = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => { body += chunk.toString(); });
    request.on("end", () => {
      const { response: answer } = JSON.parse(body) as { response: string };
      response.end(JSON.stringify({ success: answers.delete(answer) }));
    });
  });
  await new Promise<void>((done) => { verifier.listen(0, "127.0.0.1", done); });
  t.after(() => { verifier.close(); });
  const address = verifier.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const guarded = await startEdge(null, {
    PORTAL_AUTH: "open",
    TURNSTILE_SITE_KEY: "site",
    TURNSTILE_SECRET: "secret",
    TURNSTILE_URL: `http://127.0.0.1:${String(address.port)}/siteverify`,
  });
  t.after(guarded.stop);
  // Nobody reaches Cloudflare from here: a script of its shape stands in, and answers whenever its button is clicked.
  const script = `let times = 0; globalThis.turnstile = {
    render(place, { sitekey, callback }) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "I am a person (" + sitekey + ")";
      button.onclick = () => { times += 1; button.textContent = "done " + times; callback("answer " + times); };
      place.append(button);
      return "widget";
    },
    remove() { document.querySelector(".challenge button")?.remove(); },
  };`;
  const page = await visit(t, browser, `${guarded.url}/docs`);
  await page.route("https://challenges.cloudflare.com/**", (route) => route.fulfill({ contentType: "text/javascript", body: script }));
  await page.goto(`${guarded.url}/keys`);
  await field(page, "Your name").fill("Gil");
  await page.getByRole("button", { name: "I am a person (site)" }).waitFor();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("The check failed").waitFor();
  await page.getByRole("button", { name: "I am a person (site)" }).click();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "I am a person (site)" }).waitFor();
  await page.getByText("The check failed").waitFor();
  assert.equal(await field(page, "Your name").inputValue(), "Gil");
  await page.getByRole("button", { name: "I am a person (site)" }).click();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Signed in as").waitFor();
});

test("nothing is asked of anybody else where there is no challenge", async (t) => {
  const page = await visit(t, browser, `${open.url}/docs`);
  const hosts = new Set<string>();
  page.on("request", (request) => { hosts.add(new URL(request.url()).host); });
  const answer = await page.goto(`${open.url}/keys`);
  await field(page, "Your name").waitFor();
  assert.deepEqual([...hosts], [new URL(open.url).host]);
  const policy = answer?.headers()["content-security-policy"] ?? "";
  assert.match(policy, /default-src 'none'; script-src 'self' https:\/\/challenges\.cloudflare\.com; .*trusted-types turnstile$/);
});

const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
] as const;

for (const { name, ...options } of LOOKS) {
  test(`the page in every state, ${name}: axe finds nothing, nothing is wider than the window`, async (t) => {
    const page = await visit(t, browser, `${open.url}/keys`, options);
    const look = async (): Promise<void> => {
      await assertAccessible(page);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), options.viewport.width);
    };
    await field(page, "Your name").waitFor();
    await look();
    await signIn(page, `look ${name}`);
    await page.getByText("No keys yet").waitFor();
    await look();
    await page.getByRole("button", { name: "Choose starter" }).click();
    await look();
    await page.getByRole("button", { name: "Cancel" }).click();
    await take(page, "starter", "a key ".repeat(16));
    await look();
    await page.getByRole("button", { name: "Rotate" }).click();
    await look();
  });
}
