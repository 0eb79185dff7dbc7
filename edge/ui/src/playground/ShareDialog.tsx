import { useState } from "preact/hooks";
import { call } from "../api/client";
import { type ApiError, asApiError } from "../api/errors";
import { Button } from "../parts/Button";
import { CopyButton } from "../parts/CopyButton";
import { Dialog } from "../parts/Dialog";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Select, TextField } from "../parts/Field";
import { say } from "../parts/Toasts";
import { common } from "../text/common";
import { playground } from "../text/playground";

const DAY = 86_400;
const SPANS = { never: null, day: DAY, week: 7 * DAY, month: 30 * DAY } as const;
type Span = keyof typeof SPANS;

const OPTIONS = (Object.keys(SPANS) as Span[]).map((value) => ({ value, label: playground.shareFor[value] }));

interface Props {
  /** Of the transcript. */
  readonly id: string;
  readonly apiKey: string;
  readonly onClose: () => void;
}

/** Makes a link to a transcript, and ends all of them. */
export function ShareDialog({ id, apiKey, onClose }: Props) {
  const [span, setSpan] = useState<Span>("week");
  const [url, setUrl] = useState<string | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);

  const ask = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await what();
    } catch (failure) {
      setError(asApiError(failure));
    }
    setBusy(false);
  };
  const path = { id };
  const make = (): Promise<void> =>
    ask(async () => {
      const seconds = SPANS[span];
      const made = await call("post", "/v1/transcripts/{id}/share", { key: apiKey, path, body: seconds === null ? {} : { expires_in_seconds: seconds } });
      setUrl(made.url);
    });
  const end = (): Promise<void> =>
    ask(async () => {
      await call("delete", "/v1/transcripts/{id}/share", { key: apiKey, path });
      setUrl(null);
      say(playground.shareEnded);
    });

  return (
    <Dialog title={playground.shareTitle} onClose={onClose}>
      <p class="soft">{playground.shareLead}</p>
      {url === null ? (
        <Select label={playground.shareExpires} value={span} options={OPTIONS} onInput={setSpan} />
      ) : (
        <TextField label={playground.shareLink} value={url} readOnly onInput={() => undefined} onFocus={(event) => { event.currentTarget.select(); }} />
      )}
      {error && <ErrorNotice error={error} />}
      <div class="actions">
        <Button kind="quiet" disabled={busy} onClick={() => void end()}>{playground.shareEnd}</Button>
        <Button onClick={onClose}>{common.close}</Button>
        {url === null ? (
          <Button kind="primary" disabled={busy} onClick={() => void make()}>{playground.shareMake}</Button>
        ) : (
          <CopyButton text={url} label={playground.shareCopy} small={false} kind="primary" />
        )}
      </div>
    </Dialog>
  );
}
