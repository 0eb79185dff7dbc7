import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { audioText } from "../text/audio";

interface Props {
  readonly file: Blob;
  readonly audio: RefObject<HTMLAudioElement | null>;
}

/** The browser's own player of what will be, or was, transcribed. */
export function Player({ file, audio }: Props) {
  const [url, setUrl] = useState<string | null>(null);
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setUrl(made);
    setBroken(false);
    return () => { URL.revokeObjectURL(made); };
  }, [file]);
  if (broken) return <p class="soft small-text">{audioText.unplayable}</p>;
  return (
    <audio
      ref={audio}
      controls
      preload="metadata"
      aria-label={audioText.player}
      {...(url !== null && { src: url })}
      onLoadedMetadata={(event) => { findEnd(event.currentTarget); }}
      onError={() => { setBroken(true); }}
    />
  );
}

/**
 * What a browser records says nothing of its length, and can't be sought in until that is known. Going to a time
 * beyond every end makes the browser look for it.
 */
function findEnd(audio: HTMLAudioElement): void {
  if (audio.duration !== Infinity) return;
  const back = (): void => {
    if (audio.duration === Infinity) return;
    audio.removeEventListener("durationchange", back);
    audio.currentTime = 0;
  };
  audio.addEventListener("durationchange", back);
  audio.currentTime = 1e9;
}
