-- What the page behind a link may do. Whether it may stand in a frame of another page: 1, it may.
ALTER TABLE links ADD COLUMN embed INTEGER NOT NULL DEFAULT 0;
-- Audio that was kept, which stands in the bucket: its media type and its length in bytes; NULL: it was not.
ALTER TABLE transcripts ADD COLUMN audio_type TEXT;
ALTER TABLE transcripts ADD COLUMN audio_bytes INTEGER;
