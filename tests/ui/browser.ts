// Chromium, with a microphone that hears the sample, and pages that tell of every breach of their policy.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { folder, ROOT, setting } from "./processes.ts";

export const SAMPLE = join(ROOT, "assets/sample.flac");
/** What the sample says, as far as every model hears it alike. */
export const SAID = [/good morning/i, /the sun is shining/i, /go for a walk/i];

/** A browser for a whole file of tests. Its microphone hears the sample so many times one after the other. */
export async function startBrowser(times = 1): Promise<Browser> {
  const speech = join(folder(), "speech.wav");
  const browser = await chromium.launch({
    executablePath: setting("E2E_BROWSER"),
    args: [
      "--use-fake-device-for-media-stream",
      // It is opened when a page asks for the microphone, so it may be written after this.
      `--use-file-for-fake-audio-capture=${speech}%noloop`,
      "--autoplay-policy=no-user-gesture-required",
      // Else it leaves out addresses where a page goes to many of them, one right after the other.
      "--disable-ipc-flooding-protection",
    ],
  });
  // Nobody speaks before the recorder runs.
  writeFileSync(speech, await wavOf(browser, SAMPLE, times, 0.5));
  return browser;
}

/** A recording as WAV, so many times one after the other, with seconds of silence before: the browser decodes it. */
export async function wavOf(browser: Browser, path: string, times: number, silence = 0): Promise<Buffer> {
  const page = await browser.newPage();
  const pcm = await page.evaluate(async (encoded) => {
    const bytes = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
    const audio = await new OfflineAudioContext(1, 1, 16_000).decodeAudioData(bytes.buffer);
    const samples = Int16Array.from(audio.getChannelData(0), (sample) => Math.max(-1, Math.min(1, sample)) * 32_767);
    return Array.from(samples);
  }, readFileSync(path).toString("base64"));
  await page.close();
  const once = Buffer.from(Int16Array.from(pcm).buffer);
  const data = Buffer.concat([Buffer.alloc(silence * 32_000), ...Array.from({ length: times }, () => once)]);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(16_000, 24);
  head.writeUInt32LE(32_000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

/**
 * Opens an address in a profile of its own. Where the test ends, nothing may have gone wrong there, nor on any page that
 * was opened in the same profile: no breach of the Content-Security-Policy, no error of a script, no dialog and no
 * variable by which a payload (hostile.ts) shows that it ran.
 */
export async function visit(t: TestContext, browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  // How long a slow machine takes is no subject of these tests.
  context.setDefaultTimeout(120_000);
  const faults: string[] = [];
  t.after(async () => {
    // What a page has told until now comes before its answer.
    await Promise.all(context.pages().map((page) => page.evaluate(() => null).catch(() => null)));
    await context.close();
    assert.deepEqual(faults, []);
  });
  await context.exposeBinding("tellFault", (_, fault: string) => { faults.push(fault); });
  await context.addInitScript(() => {
    const tell = (globalThis as unknown as { tellFault: (fault: string) => void }).tellFault;
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) => {
      tell(`policy: ${violatedDirective} ${blockedURI} ${sample}`);
    });
    Object.defineProperty(globalThis, "pwned", { get: () => undefined, set: () => { tell(`script: a payload ran in ${location.href}`); } });
  });
  context.on("weberror", (error) => { faults.push(`script: ${error.error().message}`); });
  context.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on("console", (message) => {
    if (/Content.Security.Policy|Trusted/i.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  const page = await context.newPage();
  await page.goto(url);
  await page.getByRole("heading", { level: 1 }).waitFor();
  return page;
}

/** Fails with what axe finds wrong (WCAG 2.2 AA and its best practices). */
export async function assertAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
  assert.deepEqual(found, []);
}
