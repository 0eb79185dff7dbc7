import { useEffect, useState } from "preact/hooks";
import { seemsAudio } from "../parts/audio";
import { Button } from "../parts/Button";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Icon } from "../parts/Icon";
import { Notice } from "../parts/Notice";
import { Picker } from "../parts/Picker";
import { Progress } from "../parts/Progress";
import { Sentence } from "../parts/Sentence";
import { useStore } from "../parts/store";
import { say } from "../parts/Toasts";
import { useDrop } from "../parts/useDrop";
import { audioText } from "../text/audio";
import { bytes } from "../text/common";
import { jobs } from "../text/jobs";
import { JobOptions } from "./JobOptions";
import { MOST_BYTES } from "./sendFile";
import { type Job, keepSettings, readSettings, type Settings } from "./settings";
import { unfinished, uploadOf } from "./unfinished";
import { type Making, useNewJob } from "./useNewJob";

interface Props {
  readonly apiKey: string | null;
  readonly models: readonly string[];
  readonly onMade: (job: Job) => void;
  /** Somebody wants to go on without a key. */
  readonly onKeyWanted: () => void;
}

/** From a file to a job. */
export function NewJobPanel({ apiKey, models, onMade, onKeyWanted }: Props) {
  const [file, setFile] = useState<File | null>(null);
  const [settings, setSettings] = useState<Settings>(readSettings);
  const { making, start, stop } = useNewJob((job) => {
    setFile(null);
    say(jobs.made);
    onMade(job);
  });
  const isBusy = making.phase === "sending" || making.phase === "making";
  // What is being sent is not given up for another file.
  const isOver = useDrop((dropped) => { if (!isBusy) setFile(dropped); });
  const isBad = file === null || file.size === 0 || file.size > MOST_BYTES;
  const go = (): void => {
    if (apiKey === null) onKeyWanted();
    else if (file) start(file, settings, apiKey);
  };
  return (
    <section class="panel stack source" aria-label={jobs.make} data-over={isOver}>
      <h2>{jobs.make}</h2>
      {file ? (
        <Chosen file={file} isBusy={isBusy} onRemove={() => { setFile(null); stop(); }} />
      ) : (
        <div class="drop">
          <Icon name="speech" size={36} />
          <p><strong>{audioText.drop}</strong></p>
          <p class="soft small-text">{audioText.kinds}</p>
        </div>
      )}
      {!isBusy && <div class="actions source-actions"><Picker label={file ? audioText.otherFile : audioText.choose} onFile={setFile} /></div>}
      <Resumable file={file} />
      {isBusy && file ? (
        <Course making={making} size={file.size} onStop={stop} />
      ) : (
        <>
          {making.error && (
            <ErrorNotice error={making.error} {...(file && { onRetry: go })}>
              <span class="soft small-text">{jobs.goOn}</span>
            </ErrorNotice>
          )}
          <JobOptions settings={settings} models={models} onChange={(to) => { setSettings(to); keepSettings(to); }} />
          <Button kind="primary" disabled={isBad} onClick={go}>{jobs.start}</Button>
        </>
      )}
    </section>
  );
}

interface ChosenProps {
  readonly file: File;
  readonly isBusy: boolean;
  readonly onRemove: () => void;
}

function Chosen({ file, isBusy, onRemove }: ChosenProps) {
  const [isStrange, setStrange] = useState(false);
  useEffect(() => {
    let isWanted = true;
    setStrange(false);
    if (file.size > 0) void seemsAudio(file).then((seems) => { if (isWanted) setStrange(!seems); });
    return () => { isWanted = false; };
  }, [file]);
  const fault = file.size === 0 ? audioText.empty : file.size > MOST_BYTES ? jobs.huge(file.size) : null;
  return (
    <>
      <div class="file">
        <bdi class="file-name">{file.name}</bdi>
        <span class="soft small-text">{bytes(file.size)}</span>
        {!isBusy && (
          <Button kind="quiet" small square aria-label={audioText.removeFile} title={audioText.removeFile} onClick={onRemove}>
            <Icon name="close" size={16} />
          </Button>
        )}
      </div>
      {fault && <Notice kind="danger" title={fault.title} alert><p>{fault.detail}</p></Notice>}
      {!fault && isStrange && <Notice kind="warning" title={audioText.unknown.title}><p>{audioText.unknown.detail}</p></Notice>}
    </>
  );
}

/** An upload that waits for its file to be chosen again. */
function Resumable({ file }: { readonly file: File | null }) {
  const kept = useStore(unfinished);
  if (!kept || (file && uploadOf(file) !== null)) return null;
  return <Notice kind="warning"><p class="unfinished"><Sentence of={jobs.unfinished} name={kept.name} /></p></Notice>;
}

/** How much of the file is gone. */
function Course({ making: { phase, sent }, size, onStop }: { readonly making: Making; readonly size: number; readonly onStop: () => void }) {
  const isSending = phase === "sending";
  return (
    <div class="stack">
      <Progress
        label={isSending ? jobs.uploading : jobs.making}
        value={isSending && sent ? sent.sent / size : null}
        detail={isSending && sent ? jobs.sent(sent.sent, size) : ""}
      />
      <div class="actions">
        <Button small onClick={onStop}>{jobs.stop}</Button>
        {isSending && sent && sent.parts > 1 && <span class="soft small-text">{jobs.part(sent.part, sent.parts)}</span>}
      </div>
    </div>
  );
}
