-- Jobs that were given up: administrators find them here. The account's object has the job itself.
CREATE TABLE dead_jobs (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,      -- name of the object
  owner TEXT,
  key_id TEXT NOT NULL,
  name TEXT,
  attempts INTEGER NOT NULL,
  error TEXT NOT NULL,        -- JSON
  created_at INTEGER NOT NULL, -- unix milliseconds
  ended_at INTEGER NOT NULL
);
CREATE INDEX dead_jobs_by_owner ON dead_jobs (owner, n);
CREATE INDEX dead_jobs_by_account ON dead_jobs (account);
