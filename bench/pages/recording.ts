// How long somebody waits for the last word of what he said, once he has stopped: on the screen, and for the service.
import type { Browser } from "playwright-core";
import { startBrowser } from "../../tests/ui/browser.ts";
import { enterKey, transcript } from "../../tests/ui/playground.ts";
import { makeKey, startEdge, startService } from "../../tests/ui/processes.ts";
import { startRelay, type Tap } from "../../tests/ui/relay.ts";
import { openProbed, watch } from "./probe.ts";
import type { Table } from "./report.ts";

const ROUNDS = 7;
/** What the clock of the recorder says when it is stopped. */
const LENGTH = "0:10";
const MOST_MS = 150;

interface Waited {
  /** From the click to the last word's drawing. */
  readonly total: number;
  /** The service alone. */
  readonly service: number;
  /** From the click until the browser begins to send: the recorder ends its file. */
  readonly toRequest: number;
}

export async function measure(): Promise<Table> {
  const service = await startService();
  const doorstep = new Doorstep();
  const relay = await startRelay(service.url, doorstep);
  const edge = await startEdge({ ...service, url: relay.url });
  // Speech up to the last moment.
  const browser = await startBrowser(2);
  const key = await makeKey(edge);

  const waits: Waited[] = [];
  // The first one is for the model, which is loaded then, and for the connections.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const waited = await record(browser, edge.url, key, doorstep);
    if (round > 0) waits.push(waited);
  }
  await browser.close();
  await edge.stop();
  await relay.stop();
  await service.stop();

  const row = (name: string, of: (waited: Waited) => number, most?: number) => ({
    name,
    figures: [{ values: waits.map(of), unit: " ms", ...(most !== undefined && { target: { most } }) }],
  });
  return {
    title: `A recording of 10 s in the playground; medians of ${String(ROUNDS)}.`,
    columns: ["measured"],
    rows: [
      row("from the click on its end to its last word, drawn", ({ total }) => total),
      row("of that the service: from the last byte that reaches it to the last that leaves it", ({ service: ms }) => ms),
      row("what browser, page and Worker add", ({ total, service: ms }) => total - ms, MOST_MS),
      row("of that from the click to the request", ({ toRequest }) => toRequest),
    ],
  };
}

async function record(browser: Browser, url: string, key: string, doorstep: Doorstep): Promise<Waited> {
  const page = await openProbed(browser, url, { permissions: ["microphone"] });
  await enterKey(page, key);
  await page.getByRole("button", { name: "Record" }).click();
  await page.getByText(LENGTH).waitFor();
  const seen = await watch(
    page,
    ".result .pieces, .result .plain",
    () => page.getByRole("button", { name: "Stop and transcribe" }).click(),
    () => transcript(page).getByRole("button", { name: "Copy the text" }).waitFor(),
  );
  const last = seen.texts.at(-1);
  if (last === undefined || !/good morning/i.test(last.text)) throw new Error(`this was not said: ${last?.text ?? ""}`);
  const toRequest = seen.requests.find(({ url }) => url.includes("/v1/audio/"))?.fromMs ?? NaN;
  await page.context().close();
  return { total: last.afterMs, service: doorstep.take(), toRequest };
}

/** The service's own time, seen from before its door. */
class Doorstep implements Tap {
  #isOurs = false;
  #in = NaN;
  #out = NaN;

  there(chunk: Buffer): void {
    const asked = /^[A-Z]+ (\S+) HTTP/.exec(chunk.toString("latin1", 0, 512))?.[1];
    if (asked !== undefined) this.#isOurs = asked.startsWith("/v1/audio/");
    // Until something else is asked all of it is the recording's.
    if (this.#isOurs) this.#in = performance.now();
  }

  back(): void {
    if (this.#isOurs) this.#out = performance.now();
  }

  /** Of the request that was answered last. */
  take(): number {
    const took = this.#out - this.#in;
    if (!this.#isOurs || !(took > 0)) throw new Error("the service was asked something else meanwhile");
    this.#out = NaN;
    return took;
  }
}
