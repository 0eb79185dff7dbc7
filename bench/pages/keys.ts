// The console among ten thousand keys: how soon it answers what one does there, and shows what comes of it.
import type { Locator, Page } from "playwright-core";
import { startBrowser } from "../../tests/ui/browser.ts";
import { admin, enterRootKey, makePlan, section } from "../../tests/ui/console.ts";
import { type Edge, startEdge } from "../../tests/ui/processes.ts";
import { openProbed, type Seen, SHORTEST_MS, watch } from "./probe.ts";
import { median, type Row, type Table } from "./report.ts";

const ROUNDS = 7;
const KEYS = 10_000;
const OWNERS = 495;
/** So many are made as any key is. They are the first of the list, so they are the ones that are opened. */
const WHOLE = 100;
const PAGE = 100;
/** One in so many is switched off. */
const OFF = 200;
const MOST_MS = 100;

/** What the section says once it is done. */
interface Sign {
  /** So many keys are listed. */
  readonly rows?: number;
  readonly has?: string;
  readonly hasNot?: string;
}

interface Step {
  readonly name: string;
  /** What must stand on the page before, and is not measured. */
  readonly before?: (page: Page) => Promise<void>;
  readonly act: (page: Page) => Promise<void>;
  /** Without it nothing but the answer to the input is awaited. */
  readonly until?: Sign;
}

const number = (n: number): string => String(n).padStart(4, "0");
const link = (page: Page, name: string): Locator => page.getByRole("link", { name, exact: true });
const field = (page: Page): Locator => page.getByRole("searchbox", { name: "Search for" });
const find = (page: Page): Promise<void> => page.getByRole("button", { name: "Search", exact: true }).click();

const FIRST_PAGE: Sign = { rows: PAGE, has: `first-${number(WHOLE - 1)}` };

/** In this order, each from where the one before it led. */
const STEPS: readonly Step[] = [
  { name: "the list is opened", act: (page) => section(page, "Keys"), until: FIRST_PAGE },
  { name: "the next page", act: (page) => link(page, "Next page").click(), until: { rows: PAGE, hasNot: "first-" } },
  { name: "the page before", act: (page) => link(page, "Previous page").click(), until: FIRST_PAGE },
  { name: "a key is opened", act: (page) => link(page, "first-0007").click(), until: { has: "Limits in force" } },
  { name: "back to the list", act: (page) => link(page, "Back").click(), until: FIRST_PAGE },
  { name: "an owner is typed, the slowest letter", act: (page) => field(page).pressSequentially("owner-0042") },
  { name: "one owner's keys are searched", act: find, until: { rows: (KEYS - WHOLE) / OWNERS, hasNot: "first-" } },
  {
    name: "those that are switched off are chosen",
    before: (page) => field(page).fill(""),
    act: async (page) => {
      await page.getByRole("combobox", { name: "State" }).focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
    },
  },
  { name: "they are searched, among all", act: find, until: { has: "many-", hasNot: "Works" } },
];

export async function measure(): Promise<Table> {
  const edge = await startEdge(null);
  await fill(edge);
  const browser = await startBrowser();
  const seen = STEPS.map((): Seen[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    const page = await openProbed(browser, `${edge.url}/admin`);
    await enterRootKey(page, edge.rootKey);
    for (const [at, step] of STEPS.entries()) seen[at]?.push(await take(page, step));
    await page.context().close();
  }
  await browser.close();
  await edge.stop();

  return {
    title: `The console with ${String(KEYS)} keys, ${String(PAGE)} on a page; medians of ${String(ROUNDS)}.`,
    columns: ["from the input to the next drawing", "to what was asked for, drawn", "of that the Worker's answer"],
    rows: STEPS.map((step, at) => row(step, seen[at] ?? [])),
    notes: ["The first column is the Event Timing API's, as for INP: how long the page itself lets one wait. The Worker's KV is workerd's local one."],
  };
}

function row({ name, until }: Step, seen: readonly Seen[]): Row {
  const answered = seen.map(({ answeredMs }) => answeredMs);
  const figures = [{ values: answered, unit: " ms", target: { most: MOST_MS }, atMost: median(answered) === SHORTEST_MS }];
  if (until === undefined) return { name, figures };
  const shown = seen.map(({ texts }) => texts.find(({ text }) => isThere([text, until]))?.afterMs ?? NaN);
  const waited = seen.map(({ requests }, at) => {
    // What comes later is for something else.
    const needed = requests.filter(({ toMs }) => toMs <= (shown[at] ?? NaN));
    return Math.max(...needed.map(({ toMs }) => toMs)) - Math.min(...needed.map(({ fromMs }) => fromMs));
  });
  return { name, figures: [...figures, { values: shown, unit: " ms" }, { values: waited, unit: " ms" }] };
}

/** What of the console is looked at. */
const SECTION = ".console";

async function take(page: Page, { name, before, act, until }: Step): Promise<Seen> {
  await before?.(page);
  const done = async (): Promise<void> => {
    if (until === undefined) return;
    const there = page.locator(SECTION);
    const arrived = page.waitForFunction(isThere, [await there.elementHandle(), until] as const);
    await arrived.catch((cause: unknown) => { throw new Error(`this never came: ${name}`, { cause }); });
  };
  return watch(page, SECTION, () => act(page), done);
}

// Runs in the page, too.
function isThere([of, { rows, has = "", hasNot }]: readonly [of: Node | string | null, sign: Sign]): boolean {
  const text = typeof of === "string" ? of : (of?.textContent ?? "");
  const listed = text.match(/wk_live_/g)?.length ?? 0;
  return (rows === undefined || listed === rows) && text.includes(has) && (hasNot === undefined || !text.includes(hasNot));
}

async function fill(edge: Edge): Promise<void> {
  await makePlan(edge, "plenty", 60);
  const whole = Array.from({ length: WHOLE }, (_, n) => ({ name: `first-${number(n)}`, owner: "a", plan: "plenty" }));
  await admin(edge, "POST", "/admin/keys/bulk", { keys: whole });
  // Of the others there is what lists are made of: nobody opens them.
  const listed = Array.from({ length: KEYS - WHOLE }, (_, n) => {
    const id = `key_${number(n).padStart(20, "0")}`;
    const owner = `owner-${number(n % OWNERS)}`;
    const enabled = n % OFF !== 0;
    const metadata = { id, name: `many-${number(n)}`, start: "wk_live_4fQz", owner, plan: "plenty", enabled, created_at: 1_790_000_000 + n };
    return { key: `owner:${owner}:${id}`, value: "", metadata };
  });
  for (let at = 0; at < listed.length; at += 500) {
    const written = await fetch(`${edge.url}/__kv`, { method: "PUT", body: JSON.stringify(listed.slice(at, at + 500)) });
    if (!written.ok) throw new Error(`no keys: ${await written.text()}`);
  }
}
