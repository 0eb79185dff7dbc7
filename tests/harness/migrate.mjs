// Brings a database up to date, as wrangler does it for a deployment.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Runs every migration of a folder against an empty database. */
export async function migrate(db, folder) {
  for (const name of readdirSync(folder).sort()) {
    // A statement ends at the end of a line; one inside a trigger does not.
    const statements = readFileSync(join(folder, name), "utf8").split(/;$/m).filter((text) => text.trim() !== "");
    await db.batch(statements.map((text) => db.prepare(text)));
  }
}
