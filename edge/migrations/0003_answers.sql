-- What requests with an Idempotency-Key were answered: for a day the same one is answered alike.
CREATE TABLE answers (
  mark TEXT PRIMARY KEY,      -- SHA-256 of the key's id, the path and the Idempotency-Key
  account TEXT NOT NULL,      -- as that of transcripts
  request TEXT NOT NULL,      -- SHA-256 of the request: another one under the same mark is refused
  id TEXT NOT NULL,           -- of the transcript
  listed INTEGER NOT NULL,    -- 1: that is one of the account's, and stands there; 0: it is kept for this alone
  body TEXT,                  -- the canonical form of one that is not listed; NULL: too long for a row, it stands in the bucket
  expires_at INTEGER NOT NULL -- unix milliseconds
);
CREATE INDEX answers_of_account ON answers (account);
CREATE INDEX answers_expiring ON answers (expires_at);
CREATE INDEX answers_of_transcript ON answers (id) WHERE listed = 1;

-- A transcript that is gone answers nothing: the same request is heard again.
CREATE TRIGGER transcripts_answers_go AFTER DELETE ON transcripts
BEGIN DELETE FROM answers WHERE id = OLD.id AND listed = 1; END;
