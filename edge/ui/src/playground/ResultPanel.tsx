import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../parts/Button";
import { CopyButton } from "../parts/CopyButton";
import { Empty } from "../parts/Empty";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Icon } from "../parts/Icon";
import { Notice } from "../parts/Notice";
import { Progress } from "../parts/Progress";
import { nameWith, save } from "../parts/save";
import { ShareDialog } from "../parts/ShareDialog";
import { clock } from "../text/common";
import { playground } from "../text/playground";
import { downloadsOf } from "./download";
import { hasWords } from "../heard/pieces";
import { TranscriptText } from "../heard/TranscriptText";
import { useFollow } from "../heard/useFollow";
import type { Run } from "./useTranscription";

interface Props {
  readonly run: Run;
  readonly audio: RefObject<HTMLAudioElement | null>;
  /** The file in the player; another one is none of this transcript's. */
  readonly file: File | null;
  readonly apiKey: string | null;
  readonly onRetry: () => void;
  readonly onCancel: () => void;
}

/** The transcript, from its first words to what is done with it. */
export function ResultPanel({ run, audio, file, apiKey, onRetry, onCancel }: Props) {
  const place = useFollow(audio, run.pieces, file);
  const { phase, pieces, text, raw } = run;
  const isRunning = phase === "sending" || phase === "hearing";
  return (
    <section class="panel stack result" aria-label={playground.transcript} aria-busy={isRunning}>
      <div class="result-head">
        <h2>{playground.transcript}</h2>
        {isRunning && <Button small onClick={onCancel}>{playground.cancel}</Button>}
      </div>
      {isRunning && <Course run={run} audio={audio.current} />}
      <p class="unseen" role="status">{phase === "done" ? playground.done : ""}</p>
      {run.error && (
        <ErrorNotice error={run.error} onRetry={onRetry}>
          {text !== "" && <span class="soft small-text">{playground.partial}</span>}
        </ErrorNotice>
      )}
      {phase === "cancelled" && (
        <Notice title={playground.cancelled}>
          <p>{playground.cancelledHint}</p>
          <div class="actions">
            <Button small onClick={onRetry}><Icon name="again" size={16} />{playground.transcribeAgain}</Button>
          </div>
        </Notice>
      )}
      {pieces.length > 0 && <TranscriptText pieces={pieces} place={place} audio={audio} />}
      {pieces.length === 0 && text !== "" && <p class="plain" dir="auto">{text}</p>}
      {phase === "done" && <Hint run={run} />}
      {phase === "done" && raw !== null && run.settings?.format !== "text" && (
        // eslint-disable-next-line jsx-a11y-x/no-noninteractive-tabindex -- what scrolls must be reached by keyboard (WCAG 2.1.1)
        <pre class="raw" tabIndex={0} role="region" aria-label={run.settings ? playground.formats[run.settings.format] : ""}><code>{raw}</code></pre>
      )}
      {(phase === "idle" || (phase === "done" && text === "")) && (
        <Empty icon="speech" title={phase === "done" ? playground.noSpeech : playground.nothingYet}>
          {phase === "idle" && <p>{playground.nothingYetHint}</p>}
        </Empty>
      )}
      {!isRunning && text !== "" && <Uses run={run} apiKey={apiKey} />}
    </section>
  );
}

/** How far it is: first the bytes, then the audio. */
function Course({ run, audio }: { readonly run: Run; readonly audio: HTMLAudioElement | null }) {
  if (run.phase === "sending") {
    return <Progress label={playground.sending} value={run.total === 0 ? null : run.sent / run.total} detail={playground.sent(run.sent, run.total)} />;
  }
  const length = audio?.duration ?? NaN;
  const heard = run.pieces.at(-1)?.end ?? 0;
  if (!Number.isFinite(length) || heard === 0) return <Progress label={playground.hearing} value={null} />;
  return <Progress label={playground.hearing} value={Math.min(1, heard / length)} detail={playground.heard(clock(heard), clock(length))} />;
}

/** What a click on the text does. */
function Hint({ run: { pieces, text, wordsMissing } }: { readonly run: Run }) {
  if (text === "") return null;
  const said = pieces.length === 0 ? playground.noTimes : hasWords(pieces) ? playground.clickWord : wordsMissing ? playground.wordsMissing : playground.clickPhrase;
  return <p class="soft small-text">{said}</p>;
}

/** What can be done with a transcript. */
function Uses({ run, apiKey }: { readonly run: Run; readonly apiKey: string | null }) {
  const [sharing, setSharing] = useState(false);
  const { text, fileName, transcriptId } = run;
  return (
    <div class="stack">
      <div class="actions">
        <CopyButton text={text} label={playground.copyText} />
        {downloadsOf(run).map(({ end, type, content }) => (
          <Button key={end} small aria-label={playground.download(end)} onClick={() => { save(nameWith(fileName, end), type, content()); }}>
            <Icon name="download" size={16} />
            {end}
          </Button>
        ))}
      </div>
      {transcriptId !== null && apiKey !== null && (
        <div class="actions">
          <span class="kept"><Icon name="done" size={16} />{playground.kept}</span>
          <Button small onClick={() => { setSharing(true); }}><Icon name="link" size={16} />{playground.share}</Button>
          <a class="small-text" href={`/transcripts#${transcriptId}`}>{playground.openKept}</a>
        </div>
      )}
      {sharing && transcriptId !== null && apiKey !== null && (
        <ShareDialog id={transcriptId} apiKey={apiKey} onClose={() => { setSharing(false); }} />
      )}
    </div>
  );
}
