import { useState } from "preact/hooks";
import { call } from "../api/client";
import { type ApiError, asApiError } from "../api/errors";
import type { components } from "../api/schema";
import { Button } from "./Button";
import { CopyButton } from "./CopyButton";
import { Dialog } from "./Dialog";
import { ErrorNotice } from "./ErrorNotice";
import { Check, Select, TextField } from "./Field";
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
  const [embed, setEmbed] = useState(false);
  const [made, setMade] = useState<components["schemas"]["SharedTranscript"] | null>(null);
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
      setMade(await call("post", "/v1/transcripts/{id}/share", { key: apiKey, path, body: { embed, ...(seconds !== null && { expires_in_seconds: seconds }) } }));
      onChange?.(1);
    });
  const end = (): Promise<void> =>
    ask(async () => {
      await call("delete", "/v1/transcripts/{id}/share", { key: apiKey, path });
      setMade(null);
      onChange?.("none");
      say(shareText.ended);
    });

  return (
    <Dialog title={shareText.title} onClose={onClose}>
      <p class="soft">{shareText.lead}</p>
      {made === null ? (
        <>
          <Select label={shareText.expires} value={span} options={OPTIONS} onInput={setSpan} />
          <Check label={shareText.embed} hint={shareText.embedHint} checked={embed} onInput={setEmbed} />
        </>
      ) : (
        <>
          <Shown label={shareText.link} text={made.url} />
          {made.embed && <Shown label={shareText.code} text={shareText.frame(made.url)} />}
        </>
      )}
      {error && <ErrorNotice error={error} />}
      <div class="actions">
        <Button kind="quiet" busy={busy} onClick={() => void end()}>{shareText.end}</Button>
        <Button onClick={onClose}>{common.close}</Button>
        {made?.embed === true && <CopyButton text={shareText.frame(made.url)} label={shareText.copyCode} small={false} />}
        {made === null ? (
          <Button kind="primary" busy={busy} onClick={() => void make()}>{shareText.make}</Button>
        ) : (
          <CopyButton text={made.url} label={shareText.copy} small={false} kind="primary" />
        )}
      </div>
    </Dialog>
  );
}

/** A text to be copied. */
function Shown({ label, text }: { readonly label: string; readonly text: string }) {
  return <TextField label={label} value={text} readOnly onInput={() => undefined} onFocus={(event) => { event.currentTarget.select(); }} />;
}
