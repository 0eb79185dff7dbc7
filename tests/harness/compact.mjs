// Rewrites SQLite files (argv from 2 on) so that they hold what they know and nothing that was deleted.
import { DatabaseSync } from "node:sqlite";

for (const path of process.argv.slice(2)) {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.exec("VACUUM");
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
}
