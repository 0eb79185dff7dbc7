-- What the page behind a link may do: stand in a frame of another page, play the audio.
ALTER TABLE links ADD COLUMN embed INTEGER NOT NULL DEFAULT 0; -- 1: it may
ALTER TABLE transcripts ADD COLUMN audio_type TEXT;            -- media type of the audio, which stands in the bucket; NULL: it was not kept
ALTER TABLE transcripts ADD COLUMN audio_bytes INTEGER;        -- its length
