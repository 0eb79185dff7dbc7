// Measures the pages and prints what was measured beside its target; ends with 1 where one is missed. Run by
// scripts/bench-pages; arguments are the names of parts, none: all of them.
import { measure as keys } from "./keys.ts";
import { measure as lighthouse } from "./lighthouse.ts";
import { measure as recording } from "./recording.ts";
import { isHeld, machine, type Table, textOf } from "./report.ts";

const PARTS: Readonly<Record<string, () => Promise<Table>>> = { lighthouse, recording, keys };

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !Object.hasOwn(PARTS, name));
if (unknown !== undefined) throw new Error(`no such part: ${unknown} (${Object.keys(PARTS).join(", ")})`);

console.log(`\`${["scripts/bench-pages", ...asked].join(" ")}\`, ${machine()}\n`);
let allHold = true;
for (const [name, measure] of Object.entries(PARTS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const table = await measure();
  console.log(textOf(table));
  allHold &&= isHeld(table);
}
process.exitCode = allHold ? 0 : 1;
