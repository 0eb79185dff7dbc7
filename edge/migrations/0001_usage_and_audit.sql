-- What keys used, hour by hour. A rollup is sent at least once: of two of the same hour the newer one stays.
CREATE TABLE usage (
  key_id TEXT NOT NULL,
  hour INTEGER NOT NULL,      -- hours since the epoch
  owner TEXT,
  plan TEXT,
  version INTEGER NOT NULL,
  audio_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  outcomes TEXT NOT NULL,     -- JSON: requests by outcome
  latency TEXT NOT NULL,      -- JSON: requests by bucket
  PRIMARY KEY (key_id, hour)
) WITHOUT ROWID;
CREATE INDEX usage_by_hour ON usage (hour);
CREATE INDEX usage_by_owner ON usage (owner, hour);

-- Who changed what. Lines are added, never changed; they go only with everything else about their owner.
CREATE TABLE audit (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,        -- unix milliseconds
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  owner TEXT,
  request_id TEXT NOT NULL,
  before TEXT,                -- JSON
  after TEXT                  -- JSON
) WITHOUT ROWID;
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_target ON audit (target, at);
CREATE INDEX audit_by_owner ON audit (owner, at);

-- The owner whose data is being deleted: a row of this moment, in the same transaction.
CREATE TABLE purging (owner TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TRIGGER audit_lines_stay BEFORE DELETE ON audit
WHEN OLD.owner IS NULL OR OLD.owner NOT IN (SELECT owner FROM purging)
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE TRIGGER audit_lines_stay_as_they_are BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
