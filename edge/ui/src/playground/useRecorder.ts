// The microphone: asked for, listened to, recorded by the browser's own encoder.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { playground } from "../text/playground";

export type Refusal = keyof typeof playground.refused;

export type Recording =
  | { readonly state: "idle" }
  | { readonly state: "asking" }
  | { readonly state: "refused"; readonly why: Refusal }
  | { readonly state: "recording"; readonly startedAt: number; readonly analyser: AnalyserNode };

export interface Recorder {
  readonly recording: Recording;
  readonly start: () => void;
  /** Ends it; what was recorded, if there is any. */
  readonly stop: () => Promise<File | null>;
  readonly discard: () => void;
}

/** What browsers record, best first; the service reads all of it. */
const KINDS = [
  { type: "audio/webm;codecs=opus", end: "webm" },
  { type: "audio/mp4", end: "m4a" },
  { type: "audio/ogg;codecs=opus", end: "ogg" },
] as const;

/** How often the recorder hands over what it has. */
const PIECE_MS = 1000;

interface Session {
  readonly stream: MediaStream;
  readonly context: AudioContext;
  readonly recorder: MediaRecorder;
  readonly pieces: Blob[];
}

export function useRecorder(): Recorder {
  const [recording, setRecording] = useState<Recording>({ state: "idle" });
  const session = useRef<Session | null>(null);
  /** Whether somebody still wants the answer to the browser's question. */
  const asked = useRef(0);

  const release = useCallback((): Session | null => {
    asked.current += 1;
    const ended = session.current;
    session.current = null;
    for (const track of ended?.stream.getTracks() ?? []) track.stop();
    void ended?.context.close();
    setRecording({ state: "idle" });
    return ended;
  }, []);

  const begin = useCallback(async (): Promise<void> => {
    const turn = (asked.current += 1);
    setRecording({ state: "asking" });
    try {
      const opened = await open();
      if (turn !== asked.current) {
        for (const track of opened.stream.getTracks()) track.stop();
        return;
      }
      // Before all else: whoever speaks at once is to be heard from his first word on.
      const pieces: Blob[] = [];
      opened.recorder.ondataavailable = ({ data }) => { if (data.size > 0) pieces.push(data); };
      opened.recorder.start(PIECE_MS);
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      analyser.fftSize = 1024;
      context.createMediaStreamSource(opened.stream).connect(analyser);
      session.current = { ...opened, context, pieces };
      setRecording({ state: "recording", startedAt: performance.now(), analyser });
    } catch (error) {
      if (turn === asked.current) setRecording({ state: "refused", why: refusalOf(error) });
    }
  }, []);

  const stop = useCallback(async (): Promise<File | null> => {
    const running = session.current;
    if (!running) return null;
    const { recorder, pieces } = running;
    await new Promise<void>((done) => {
      recorder.onstop = () => { done(); };
      recorder.stop();
    });
    release();
    if (pieces.length === 0) return null;
    const type = recorder.mimeType;
    const end = KINDS.find((kind) => type.startsWith(kind.type.split(";")[0] ?? ""))?.end ?? "webm";
    return new File(pieces, `${playground.recordingName}.${end}`, { type });
  }, [release]);

  const discard = useCallback((): void => { release(); }, [release]);

  // The microphone is let go when the page is left.
  useEffect(() => discard, [discard]);

  return { recording, start: useCallback(() => void begin(), [begin]), stop, discard };
}

async function open(): Promise<Pick<Session, "stream" | "recorder">> {
  // Without HTTPS the browser has no such thing, whatever its types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  const kind = typeof MediaRecorder === "undefined" ? undefined : KINDS.find(({ type }) => MediaRecorder.isTypeSupported(type));
  if (!devices || !kind) throw new DOMException("No recorder.", "NotSupportedError");
  const stream = await devices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: true, echoCancellation: false } });
  return { stream, recorder: new MediaRecorder(stream, { mimeType: kind.type, audioBitsPerSecond: 32_000 }) };
}

function refusalOf(error: unknown): Refusal {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
      return "none";
    case "NotSupportedError":
      return "unsupported";
    default:
      return "busy";
  }
}
