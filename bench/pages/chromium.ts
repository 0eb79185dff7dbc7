// Chromium as Lighthouse drives it: by a port of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { folder, ROOT, setting } from "../../tests/ui/processes.ts";

export interface Chromium {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

export async function startChromium(): Promise<Chromium> {
  const child = spawn(
    "sh",
    [
      join(ROOT, "tests/harness/leash.sh"),
      setting("E2E_BROWSER"),
      "--headless=new",
      "--no-sandbox",
      "--remote-debugging-port=0",
      `--user-data-dir=${folder()}`,
      "--no-first-run",
      "--disable-extensions",
      "--disable-background-networking",
      "about:blank",
    ],
    // The leash kills it when this end of its stdin is gone.
    { stdio: ["pipe", "ignore", "pipe"] },
  );
  const gone = once(child, "exit");
  for await (const line of createInterface({ input: child.stderr })) {
    const port = /^DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line)?.[1];
    if (port === undefined) continue;
    // What it says from here on is read by nobody, and must not stand in its way.
    child.stderr.resume();
    return {
      port: Number(port),
      stop: async () => {
        child.kill();
        await gone;
      },
    };
  }
  throw new Error("the browser ended before it was ready");
}
