import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../parts/Button";
import { Icon } from "../parts/Icon";
import { clock, common } from "../text/common";
import { playground } from "../text/playground";
import type { Recorder, Recording } from "./useRecorder";

interface Props {
  readonly recorder: Recorder;
  /** `andGo`: it is to be transcribed at once. */
  readonly onRecorded: (file: File, andGo: boolean) => void;
}

/** What is seen while the microphone is open. */
export function RecorderPanel({ recorder: { recording, stop, discard }, onRecorded }: Props) {
  if (recording.state === "asking") {
    return (
      <div class="recorder" role="status">
        <p>{playground.asking}</p>
        <Button small onClick={discard}>{common.cancel}</Button>
      </div>
    );
  }
  if (recording.state !== "recording") return null;
  const end = async (andGo: boolean): Promise<void> => {
    const file = await stop();
    if (file) onRecorded(file, andGo);
  };
  return (
    <div class="recorder">
      <Clock recording={recording} />
      <Level analyser={recording.analyser} />
      <div class="actions">
        <Button kind="primary" onClick={() => void end(true)}>
          <Icon name="stop" size={16} />
          {playground.stopAndTranscribe}
        </Button>
        <Button onClick={() => void end(false)}>{playground.stop}</Button>
        <Button kind="quiet" onClick={discard}>{playground.discard}</Button>
      </div>
    </div>
  );
}

type Running = Extract<Recording, { state: "recording" }>;

function Clock({ recording: { startedAt } }: { readonly recording: Running }) {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => { setNow(performance.now()); }, 250);
    return () => { clearInterval(timer); };
  }, []);
  return (
    <p class="recorder-clock">
      <span class="recorder-dot" aria-hidden="true" />
      {playground.recording} <span class="recorder-time">{clock((now - startedAt) / 1000)}</span>
    </p>
  );
}

/** How loud it is: drawn past the components, sixty times a second. */
function Level({ analyser }: { readonly analyser: AnalyserNode }) {
  const meter = useRef<HTMLMeterElement>(null);
  useEffect(() => {
    const samples = new Float32Array(analyser.fftSize);
    let frame = 0;
    const draw = (): void => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      // From -60 dB to full.
      const level = Math.max(0, 1 + (10 * Math.log10(power + 1e-9)) / 60);
      if (meter.current) meter.current.value = level;
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => { cancelAnimationFrame(frame); };
  }, [analyser]);
  return <meter ref={meter} min={0} max={1} value={0} aria-label={playground.level} />;
}
