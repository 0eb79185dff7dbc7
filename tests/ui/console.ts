// What is done in the console, and behind it, in many tests.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { visit } from "./browser.ts";
import type { Edge } from "./processes.ts";

/** Asks the API as an administrator does; what it answers. */
export async function admin<T = unknown>({ url, rootKey }: Edge, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${rootKey}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${text}`);
  return (text === "" ? null : JSON.parse(text)) as T;
}

/** Makes a plan, of so many requests a minute. */
export const makePlan = (edge: Edge, name: string, requests: number, details: Readonly<Record<string, unknown>> = {}): Promise<unknown> =>
  admin(edge, "PUT", `/admin/plans/${name}`, { limits: [{ name: "minute", kind: "rate", unit: "requests", limit: requests, window_seconds: 60 }], ...details });

export interface Made {
  readonly id: string;
  readonly key: string;
}

/** Makes a key with a limit of its own, unless `details` have others. */
export const create = (edge: Edge, details: Readonly<Record<string, unknown>> = {}): Promise<Made> =>
  admin<Made>(edge, "POST", "/admin/keys", { name: "a key", limits: [{ name: "many", kind: "rate", unit: "requests", limit: 1000, window_seconds: 60 }], ...details });

/** The console, open at one of its sections. */
export async function openConsole(t: TestContext, browser: Browser, { url, rootKey }: Edge, hash = "", options: BrowserContextOptions = {}): Promise<Page> {
  const page = await visit(t, browser, `${url}/admin${hash}`, options);
  await enterRootKey(page, rootKey);
  await page.getByRole("navigation", { name: "Sections" }).waitFor();
  return page;
}

export async function enterRootKey(page: Page, key: string): Promise<void> {
  await page.getByLabel("Root key").fill(key);
  await page.getByRole("button", { name: "Use this key" }).click();
}

export const section = (page: Page, name: string): Promise<void> =>
  page.getByRole("navigation", { name: "Sections" }).getByRole("link", { name, exact: true }).click();

export const heading = (page: Page, name: string | RegExp): Locator => page.getByRole("heading", { level: 2, name, exact: true });

/** What a request with a key is answered, which comes from this address: its status. */
export async function statusWith({ url }: Pick<Edge, "url">, key: string, address = "127.0.0.1"): Promise<number> {
  const answer = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}`, "cf-connecting-ip": address } });
  await answer.arrayBuffer();
  return answer.status;
}

/** A line of text, by exactly this label. */
export const field = (of: Page | Locator, name: string): Locator => of.getByRole("textbox", { name, exact: true });

/** The key that is shown this once. */
export const secret = (page: Page, label = "API key"): Promise<string> => page.locator(".secret").getByLabel(label).inputValue();
