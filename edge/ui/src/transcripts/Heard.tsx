import { useMemo, useRef, useState } from "preact/hooks";
import { blob } from "../api/client";
import { type ApiError, asApiError } from "../api/errors";
import { piece } from "../heard/pieces";
import { Player } from "../heard/Player";
import { TranscriptText } from "../heard/TranscriptText";
import { useFollow } from "../heard/useFollow";
import { Button } from "../parts/Button";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Icon } from "../parts/Icon";
import { Progress } from "../parts/Progress";
import { transcripts } from "../text/transcripts";
import { Segments } from "./Segments";
import type { Segment } from "./useTranscript";

interface Props {
  readonly id: string;
  readonly apiKey: string;
  readonly segments: readonly Segment[];
}

/** What was said, beside the audio that was kept of it. A player can't show a key, so the audio is fetched first. */
export function Heard({ id, apiKey, segments }: Props) {
  const [file, setFile] = useState<Blob | null>(null);
  const [isFetching, setFetching] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const listen = async (): Promise<void> => {
    setFetching(true);
    setError(null);
    try {
      setFile(await blob("/v1/transcripts/{id}/audio", { key: apiKey, path: { id } }));
    } catch (failure) {
      setError(asApiError(failure));
    }
    setFetching(false);
  };
  if (file) return <Followed file={file} segments={segments} />;
  return (
    <>
      {error && <ErrorNotice error={error} onRetry={() => void listen()} />}
      {isFetching ? (
        <Progress label={transcripts.fetching} value={null} />
      ) : (
        <div class="actions"><Button small onClick={() => void listen()}><Icon name="play" size={16} />{transcripts.listen}</Button></div>
      )}
      <Segments segments={segments} />
    </>
  );
}

function Followed({ file, segments }: { readonly file: Blob; readonly segments: readonly Segment[] }) {
  const audio = useRef<HTMLAudioElement>(null);
  const pieces = useMemo(() => segments.map(({ start, end, text }) => piece(start, end, text)), [segments]);
  const place = useFollow(audio, pieces, file);
  return (
    <>
      <Player file={file} audio={audio} />
      <TranscriptText pieces={pieces} place={place} audio={audio} />
    </>
  );
}
