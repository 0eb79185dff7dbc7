-- Transcripts that were asked to be kept.
CREATE TABLE transcripts (
  serial INTEGER PRIMARY KEY, -- when it came: unix milliseconds * 1024, and a count within one
  id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,      -- owner:<external id>, or key:<id> of a key without one
  key_id TEXT NOT NULL,
  expires_at INTEGER,         -- unix milliseconds; NULL: never
  audio TEXT NOT NULL,        -- SHA-256 of the file
  parameters TEXT NOT NULL,   -- SHA-256 of what was asked
  name TEXT,                  -- of the file
  model TEXT NOT NULL,
  task TEXT NOT NULL,
  language TEXT NOT NULL,
  duration_ms INTEGER NOT NULL,
  excerpt TEXT NOT NULL,      -- how its text begins
  body TEXT                   -- the canonical form; NULL: too long for a row, it stands in the bucket
);
CREATE INDEX transcripts_like ON transcripts (account, audio, parameters);
-- Each ends with the serial number, as every index does.
CREATE INDEX transcripts_of_account ON transcripts (account);
CREATE INDEX transcripts_of_language ON transcripts (account, language);
CREATE INDEX transcripts_expiring ON transcripts (expires_at) WHERE expires_at IS NOT NULL;

-- Their words, under the serial number.
CREATE VIRTUAL TABLE transcript_words USING fts5(
  account,                    -- a hash, one word
  name,
  words,
  tokenize="unicode61 remove_diacritics 2"
);
-- What is deleted is deleted from the index at once, not marked.
INSERT INTO transcript_words(transcript_words, rank) VALUES('secure-delete', 1);

-- Links that lead to them.
CREATE TABLE links (
  hash TEXT PRIMARY KEY,      -- SHA-256 of the token
  transcript INTEGER NOT NULL, -- serial number
  created_at INTEGER NOT NULL, -- unix milliseconds
  expires_at INTEGER,         -- unix milliseconds; NULL: never
  ended_at INTEGER,           -- unix milliseconds; such a row stays a day, so that no request makes the link again
  made_by TEXT                -- SHA-256 of the body of a request with an idempotency key
) WITHOUT ROWID;
CREATE INDEX links_of_transcript ON links (transcript);
CREATE INDEX links_ended ON links (ended_at) WHERE ended_at IS NOT NULL;

CREATE TRIGGER transcript_goes AFTER DELETE ON transcripts
BEGIN DELETE FROM transcript_words WHERE rowid = OLD.serial; DELETE FROM links WHERE transcript = OLD.serial; END;
