import { useRef, useState } from "preact/hooks";
import { apiKey, useKey } from "../api/key";
import { Button } from "../parts/Button";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Frame } from "../parts/Frame";
import { KeyPanel } from "../parts/KeyPanel";
import { useModels } from "../parts/useModels";
import { playground } from "../text/playground";
import { CodePanel } from "./CodePanel";
import { faultOf } from "./file";
import { OptionsPanel } from "./OptionsPanel";
import { ResultPanel } from "./ResultPanel";
import { keepSettings, readSettings, type Settings } from "./settings";
import { SourcePanel } from "./SourcePanel";
import { useTranscription } from "./useTranscription";

/** Stands in the code while no file is chosen. */
const EXAMPLE_NAME = "talk.flac";

export function Playground() {
  const key = useKey(apiKey);
  const [wanted, setWanted] = useState(0);
  const [settings, setSettings] = useState<Settings>(readSettings);
  const [file, setFile] = useState<File | null>(null);
  const audio = useRef<HTMLAudioElement>(null);
  const { models, error, again } = useModels(key);
  const { run, start, cancel, clear } = useTranscription();
  const isRunning = run.phase === "sending" || run.phase === "hearing";

  const change = (to: Settings): void => {
    setSettings(to);
    keepSettings(to);
  };
  const go = (of: File): void => {
    if (key === null) setWanted((times) => times + 1);
    else start(settings, of, key);
  };
  const choose = (chosen: File | null, andGo = false): void => {
    setFile(chosen);
    clear();
    if (chosen && andGo) go(chosen);
  };

  return (
    <Frame page="/" title={playground.title} lead={playground.lead}>
      <KeyPanel store={apiKey} wanted={wanted} />
      {error && <ErrorNotice error={error} onRetry={again} />}
      <div class="bench">
        <div class="stack">
          <SourcePanel file={file} audio={audio} onFile={choose} />
          <Button kind="primary" disabled={file === null || faultOf(file) !== null || isRunning} onClick={() => { if (file) go(file); }}>
            {playground.transcribe}
          </Button>
        </div>
        <ResultPanel run={run} audio={audio} file={file} apiKey={key} onRetry={() => { if (file) go(file); }} onCancel={cancel} />
        <OptionsPanel settings={settings} models={models} onChange={change} />
      </div>
      <CodePanel settings={settings} fileName={file?.name ?? EXAMPLE_NAME} />
    </Frame>
  );
}
