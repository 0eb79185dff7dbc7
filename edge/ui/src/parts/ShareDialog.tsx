import { useState } from "preact/hooks";
import { call } from "../api/client";
import { type ApiError, asApiError } from "../api/errors";
import { Button } from "./Button";
import { CopyButton } from "./CopyButton";
import { Dialog } from "./Dialog";
import { ErrorNotice } from "./ErrorNotice";
import { Select, TextField } from "./Field";
import { optionsOf } from "./options";
import { say } from "./Toasts";
import { common } from "../text/common";
import { shareText } from "../text/share";

const DAY = 86_400;
const SPANS = { never: null, day: DAY, week: 7 * DAY, month: 30 * DAY } as const;
type Span = keyof typeof SPANS;

const OPTIONS = optionsOf<Span>(shareText.spans);

interface Props {
  /** Of the transcript. */
  readonly id: string;
  readonly apiKey: string;
  readonly onClose: () => void;
  /** How many more links lead to it, or that none does any more. */
  readonly onChange?: (change: 1 | "none") => void;
}

/** Makes a link to a transcript, and ends all of them. */
export function ShareDialog({ id, apiKey, onClose, onChange }: Props) {
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
      onChange?.(1);
    });
  const end = (): Promise<void> =>
    ask(async () => {
      await call("delete", "/v1/transcripts/{id}/share", { key: apiKey, path });
      setUrl(null);
      onChange?.("none");
      say(shareText.ended);
    });

  return (
    <Dialog title={shareText.title} onClose={onClose}>
      <p class="soft">{shareText.lead}</p>
      {url === null ? (
        <Select label={shareText.expires} value={span} options={OPTIONS} onInput={setSpan} />
      ) : (
        <TextField label={shareText.link} value={url} readOnly onInput={() => undefined} onFocus={(event) => { event.currentTarget.select(); }} />
      )}
      {error && <ErrorNotice error={error} />}
      <div class="actions">
        <Button kind="quiet" busy={busy} onClick={() => void end()}>{shareText.end}</Button>
        <Button onClick={onClose}>{common.close}</Button>
        {url === null ? (
          <Button kind="primary" busy={busy} onClick={() => void make()}>{shareText.make}</Button>
        ) : (
          <CopyButton text={url} label={shareText.copy} small={false} kind="primary" />
        )}
      </div>
    </Dialog>
  );
}
