import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, buttonClass } from "../parts/Button";
import { Icon } from "../parts/Icon";
import { Notice } from "../parts/Notice";
import { bytes } from "../text/common";
import { playground } from "../text/playground";
import { faultOf, type FileWarning, warningOf } from "./file";
import { Player } from "./Player";
import { RecorderPanel } from "./RecorderPanel";
import { useDrop } from "./useDrop";
import { useRecorder } from "./useRecorder";

interface Props {
  readonly file: File | null;
  readonly audio: RefObject<HTMLAudioElement | null>;
  /** `andGo`: it is to be transcribed at once. */
  readonly onFile: (file: File | null, andGo?: boolean) => void;
}

/** Where the audio comes from: a file that is dropped or chosen, or the microphone. */
export function SourcePanel({ file, audio, onFile }: Props) {
  const recorder = useRecorder();
  const isOpen = recorder.recording.state === "recording" || recorder.recording.state === "asking";
  // What is being recorded is not thrown away for a file.
  const isOver = useDrop((dropped) => { if (!isOpen) onFile(dropped); });
  return (
    <section class="panel stack source" aria-label={playground.audio} data-over={isOver}>
      {isOpen && <RecorderPanel recorder={recorder} onRecorded={onFile} />}
      {!isOpen && file && <Chosen file={file} audio={audio} onRemove={() => { onFile(null); }} />}
      {!isOpen && !file && (
        <div class="drop">
          <Icon name="speech" size={36} />
          <p><strong>{playground.drop}</strong></p>
          <p class="soft small-text">{playground.kinds}</p>
        </div>
      )}
      {!isOpen && (
        <div class="actions source-actions">
          <Picker label={file ? playground.otherFile : playground.choose} onFile={onFile} />
          <Button onClick={recorder.start}>
            <Icon name="microphone" size={18} />
            {playground.record}
          </Button>
        </div>
      )}
      {recorder.recording.state === "refused" && (
        <Notice kind="warning" title={playground.refused[recorder.recording.why].title} alert>
          <p>{playground.refused[recorder.recording.why].detail}</p>
        </Notice>
      )}
    </section>
  );
}

/** The browser's own choice of files, looking like a button. */
function Picker({ label, onFile }: { readonly label: string; readonly onFile: (file: File) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <label class={`${buttonClass()} picker`}>
      <Icon name="upload" size={18} />
      {label}
      <input
        ref={input}
        class="unseen"
        type="file"
        accept="audio/*,video/mp4,video/webm,.flac,.mp3,.mp4,.mpeg,.mpga,.m4a,.ogg,.opus,.wav,.webm"
        onChange={(event) => {
          const chosen = event.currentTarget.files?.[0];
          if (chosen) onFile(chosen);
          // The same file can be chosen again.
          event.currentTarget.value = "";
        }}
      />
    </label>
  );
}

interface ChosenProps extends Pick<Props, "audio"> {
  readonly file: File;
  readonly onRemove: () => void;
}

function Chosen({ file, audio, onRemove }: ChosenProps) {
  const fault = faultOf(file);
  const [warning, setWarning] = useState<FileWarning | null>(null);
  useEffect(() => {
    let isWanted = true;
    setWarning(null);
    void warningOf(file).then((found) => { if (isWanted) setWarning(found); });
    return () => { isWanted = false; };
  }, [file]);
  const said = fault === "huge" ? playground.fault.huge(file.size) : playground.fault.empty;
  return (
    <>
      <div class="file">
        <bdi class="file-name">{file.name}</bdi>
        <span class="soft small-text">{bytes(file.size)}</span>
        <Button kind="quiet" small square aria-label={playground.removeFile} title={playground.removeFile} onClick={onRemove}>
          <Icon name="close" size={16} />
        </Button>
      </div>
      {fault === null && <Player key={file.name + String(file.lastModified)} file={file} audio={audio} />}
      {fault !== null && (
        <Notice kind="danger" title={said.title} alert>
          <p>{said.detail} {fault === "huge" && <a href="/jobs">{playground.toJobs}</a>}</p>
        </Notice>
      )}
      {fault === null && warning !== null && <Warning warning={warning} file={file} />}
    </>
  );
}

function Warning({ warning, file }: { readonly warning: FileWarning; readonly file: File }) {
  const { title, detail } = warning === "large" ? playground.warning.large(file.size) : playground.warning.unknown;
  return (
    <Notice kind="warning" title={title}>
      <p>{detail} {warning === "large" && <a href="/jobs">{playground.toJobs}</a>}</p>
    </Notice>
  );
}
