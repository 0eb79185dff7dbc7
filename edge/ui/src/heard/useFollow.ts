// Which words are said now, while the audio plays.
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Piece, placeAt } from "./pieces";

export interface Place {
  readonly piece: number;
  readonly part: number;
}

const NOWHERE: Place = { piece: -1, part: -1 };

/** Follows the player `audio` points to; `key` changes when that is another one. */
export function useFollow(audio: RefObject<HTMLAudioElement | null>, pieces: readonly Piece[], key: unknown): Place {
  const [place, setPlace] = useState<Place>(NOWHERE);
  useEffect(() => {
    const player = audio.current;
    setPlace(NOWHERE);
    if (!player) return undefined;
    let frame = 0;
    const look = (): void => {
      const [piece, part] = placeAt(pieces, player.currentTime);
      // Before anybody pressed play nothing is said.
      const next = player.currentTime === 0 && player.paused ? NOWHERE : { piece, part };
      setPlace((before) => (before.piece === next.piece && before.part === next.part ? before : next));
    };
    const run = (): void => {
      look();
      if (!player.paused) frame = requestAnimationFrame(run);
    };
    const start = (): void => {
      cancelAnimationFrame(frame);
      run();
    };
    // A player's own events come four times a second: too seldom for words.
    player.addEventListener("play", start);
    player.addEventListener("seeked", look);
    player.addEventListener("pause", look);
    start();
    return () => {
      cancelAnimationFrame(frame);
      player.removeEventListener("play", start);
      player.removeEventListener("seeked", look);
      player.removeEventListener("pause", look);
    };
  }, [audio, pieces, key]);
  return place;
}
