// Every page as Lighthouse judges it at its first load, and what it loads then.
import { gzipSync } from "node:zlib";
import lighthouse, { desktopConfig, type Result } from "lighthouse";
import { keep, ask } from "../../tests/ui/calls.ts";
import { makeKey, startEdge, startService } from "../../tests/ui/processes.ts";
import { startChromium } from "./chromium.ts";
import type { Row, Table } from "./report.ts";

const ROUNDS = 3;
const LEAST = { performance: 95, accessibility: 100, "best-practices": 95 } as const;
const CATEGORIES = [...Object.keys(LEAST), "seo"];
/** The same as that of scripts/build-ui, but of what the browser really asks for. */
const MOST_SCRIPT_KIB = 60;
const MOST_REQUESTS = 10;

/** What people come to first, on whatever they have at hand: these must be fast on a phone as well. */
const FIRST = ["/", "/t/…"];

const FORMS = { desktop: desktopConfig, mobile: undefined } as const;

interface Loaded {
  readonly scriptKib: number;
  readonly requests: number;
}

export async function measure(): Promise<Table> {
  const service = await startService();
  const edge = await startEdge(service);
  const chromium = await startChromium();
  const key = await makeKey(edge);
  const kept = await keep(edge, key, { name: "sample.flac" });
  const shared = (await (await ask(edge, key, "POST", `/v1/transcripts/${kept}/share`)).json()) as { url: string };
  const pages = ["/", "/keys", "/transcripts", "/jobs", "/admin", new URL(shared.url).pathname, "/docs"];

  const rows: Row[] = [];
  for (const page of pages) {
    const name = page.startsWith("/t/") ? "/t/…" : page;
    for (const form of ["desktop", "mobile"] as const) {
      const results: Result[] = [];
      for (let round = 0; round < ROUNDS; round += 1) results.push(await judge(`${edge.url}${page}`, chromium.port, form));
      tellLosses(`${name}, ${form}`, results);
      const loads = await Promise.all(results.map(loaded));
      const scores = (category: string): number[] => results.map(({ categories }) => Math.round((categories[category]?.score ?? NaN) * 100));
      rows.push({
        name: `${name}, ${form}`,
        figures: [
          ...Object.entries(LEAST).map(([category, least]) => ({
            values: scores(category),
            ...((category !== "performance" || form === "desktop" || FIRST.includes(name)) && { target: { least } }),
          })),
          { values: scores("seo") },
          { values: loads.map(({ scriptKib }) => scriptKib), target: { most: MOST_SCRIPT_KIB } },
          { values: loads.map(({ requests }) => requests), target: { most: MOST_REQUESTS } },
        ],
      });
    }
  }
  await chromium.stop();
  await edge.stop();
  await service.stop();
  return {
    title: `Lighthouse, as a visitor without a key finds each page at first; medians of ${String(ROUNDS)} rounds.`,
    columns: ["performance", "accessibility", "best practices", "SEO", "JavaScript, KiB gzipped", "requests"],
    rows,
    notes: ["Lighthouse's own throttling: the network and the processor of a phone, or a desktop's. workerd sends what it serves here as it is; Cloudflare compresses it.", "On a phone the first page and that of a link have a target; the others are tools, whose figures there are told.", "For SEO there is no target: the page of a link asks search engines to keep away."],
  };
}

async function judge(url: string, port: number, form: keyof typeof FORMS): Promise<Result> {
  const run = await lighthouse(url, { port, logLevel: "error", output: "json", disableFullPageScreenshot: true, onlyCategories: CATEGORIES }, FORMS[form]);
  if (run === undefined) throw new Error(`Lighthouse says nothing of ${url}`);
  const { lhr } = run;
  if (lhr.runtimeError) throw new Error(`${url}: ${lhr.runtimeError.message}`);
  return lhr;
}

interface Request {
  readonly url: string;
  readonly mimeType?: string;
}

async function loaded({ audits }: Result): Promise<Loaded> {
  const details = audits["network-requests"]?.details as { readonly items: readonly Request[] } | undefined;
  if (details === undefined) throw new Error("Lighthouse tells of no requests");
  const requests = details.items.filter(({ url }) => url.startsWith("http"));
  const scripts = requests.filter(({ mimeType = "" }) => mimeType.includes("javascript"));
  const sizes = await Promise.all(scripts.map(async ({ url }) => gzipSync(await (await fetch(url)).bytes(), { level: 9 }).length));
  return { scriptKib: sizes.reduce((sum, size) => sum + size, 0) / 1024, requests: requests.length };
}

/** What cost a page points, for whoever is to mend it. */
function tellLosses(name: string, results: readonly Result[]): void {
  for (const [category, least] of Object.entries(LEAST)) {
    const worst = results.toSorted((a, b) => (a.categories[category]?.score ?? 0) - (b.categories[category]?.score ?? 0))[0];
    const judged = worst?.categories[category];
    if (worst === undefined || judged === undefined || (judged.score ?? 0) * 100 >= least) continue;
    for (const { id, weight } of judged.auditRefs) {
      const audit = worst.audits[id];
      if (weight > 0 && audit?.score != null && audit.score < 1) {
        console.error(`${name}: ${category}: ${id}: ${audit.displayValue ?? audit.title} (${audit.score.toFixed(2)})`);
      }
    }
  }
}
