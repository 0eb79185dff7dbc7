import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button } from "../parts/Button";
import { Icon } from "../parts/Icon";
import { Notice } from "../parts/Notice";
import { Picker } from "../parts/Picker";
import { useDrop } from "../parts/useDrop";
import { audioText } from "../text/audio";
import { bytes } from "../text/common";
import { playground } from "../text/playground";
import { faultOf, type FileWarning, warningOf } from "./file";
import { Player } from "../heard/Player";
import { RecorderPanel } from "./RecorderPanel";
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
          <p><strong>{audioText.drop}</strong></p>
          <p class="soft small-text">{audioText.kinds}</p>
        </div>
      )}
      {!isOpen && (
        <div class="actions source-actions">
          <Picker label={file ? audioText.otherFile : audioText.choose} onFile={onFile} />
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
  const said = fault === "huge" ? playground.fault.huge(file.size) : audioText.empty;
  return (
    <>
      <div class="file">
        <bdi class="file-name">{file.name}</bdi>
        <span class="soft small-text">{bytes(file.size)}</span>
        <Button kind="quiet" small square aria-label={audioText.removeFile} title={audioText.removeFile} onClick={onRemove}>
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
  const { title, detail } = warning === "large" ? playground.warning.large(file.size) : audioText.unknown;
  return (
    <Notice kind="warning" title={title}>
      <p>{detail} {warning === "large" && <a href="/jobs">{playground.toJobs}</a>}</p>
    </Notice>
  );
}
