// What is measured inside a page: when somebody did something, when the screen answered, and what it showed when. All of
// it by the page's own clock, so nothing of the way from here to the browser is in it.
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

export interface Seen {
  /** From the input to the page's next drawing, the longest there was, as the Event Timing API has it. */
  readonly answeredMs: number;
  /** Every text that was drawn after the input, and how long after it. */
  readonly texts: readonly { readonly text: string; readonly afterMs: number }[];
  /** What the page asked for after the input: from when to when, counted from it. */
  readonly requests: readonly { readonly url: string; readonly fromMs: number; readonly toMs: number }[];
}

/** The Event Timing API tells of nothing shorter, and rounds to 8 ms. */
export const SHORTEST_MS = 16;

interface Probe {
  /** The next input is the one that is measured, what `selector` finds is what is looked at. */
  readonly begin: (selector: string) => void;
  readonly end: () => Promise<Seen>;
}

declare global {
  var probe: Probe;
}

/** A page in a profile of its own. */
export async function openProbed(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(120_000);
  await context.addInitScript(install, SHORTEST_MS);
  const page = await context.newPage();
  await page.goto(url);
  await page.getByRole("heading", { level: 1 }).waitFor();
  return page;
}

/** Does something, waits for what comes of it, and tells what was seen meanwhile. */
export async function watch(page: Page, selector: string, act: () => Promise<void>, done: () => Promise<void>): Promise<Seen> {
  await page.evaluate((of) => { globalThis.probe.begin(of); }, selector);
  await act();
  await done();
  return page.evaluate(() => globalThis.probe.end());
}

// Runs in the page, so it knows nothing of this module.
function install(shortest: number): void {
  let selector = "";
  let input: number | null = null;
  let last = "";
  let texts: { readonly text: string; readonly at: number }[] = [];
  let events: PerformanceEventTiming[] = [];

  const textNow = (): string => Array.from(document.querySelectorAll(selector), ({ textContent }) => textContent).join("\n");
  // The message comes when the frame that was asked for is drawn.
  const drawn = (then: () => void): void => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = then;
      port2.postMessage(null);
    });
  };
  const take = (entries: readonly PerformanceEntry[]): void => { events = [...events, ...(entries as PerformanceEventTiming[])]; };
  const observer = new PerformanceObserver((list) => { take(list.getEntries()); });
  const options: PerformanceObserverInit & { readonly durationThreshold: number } = { type: "event", durationThreshold: shortest };
  observer.observe(options);
  for (const type of ["pointerdown", "keydown"]) {
    addEventListener(type, ({ timeStamp }) => { input ??= timeStamp; }, { capture: true });
  }
  new MutationObserver(() => {
    if (selector === "") return;
    const text = textNow();
    if (text === last) return;
    last = text;
    drawn(() => { texts.push({ text, at: performance.now() }); });
  }).observe(document, { subtree: true, childList: true, characterData: true });

  globalThis.probe = {
    begin: (of) => {
      selector = of;
      last = textNow();
      input = null;
      texts = [];
      events = [];
    },
    end: async () => {
      // So that the last of what happened was drawn, and is told of.
      await new Promise<void>((done) => { drawn(() => { drawn(done); }); });
      take(observer.takeRecords());
      if (input === null) throw new Error("nobody did anything");
      const since = input;
      const answers = events.filter(({ startTime, interactionId }) => startTime >= since && interactionId > 0);
      selector = "";
      const loads = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
      const asked = loads.filter(({ startTime, initiatorType }) => startTime >= since && ["fetch", "xmlhttprequest"].includes(initiatorType));
      return {
        answeredMs: Math.max(shortest, ...answers.map(({ duration }) => duration)),
        texts: texts.map(({ text, at }) => ({ text, afterMs: at - since })),
        requests: asked.map(({ name, startTime, responseEnd }) => ({ url: name, fromMs: startTime - since, toMs: responseEnd - since })),
      };
    },
  };
}
