import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { memo } from "../parts/memo";
import { clock } from "../text/common";
import { audioText } from "../text/audio";
import type { Piece } from "./pieces";
import type { Place } from "./useFollow";

interface Props {
  readonly pieces: readonly Piece[];
  readonly place: Place;
  readonly audio: RefObject<HTMLAudioElement | null>;
}

/** The pieces with their times. A click on a word, or on the time of a piece, plays from there. */
export function TranscriptText({ pieces, place, audio }: Props) {
  const list = useRef<HTMLOListElement>(null);

  const play = (seconds: number): void => {
    const player = audio.current;
    if (!player) return;
    player.currentTime = seconds;
    // What the browser does not let play stands at its place at least.
    player.play().catch(() => undefined);
  };

  // Words are text, not buttons: a screen reader reads them as the sentences they are, and plays by the times. So the
  // mouse is listened to here, for all of them.
  useEffect(() => {
    const element = list.current;
    const click = ({ target }: MouseEvent): void => {
      const word = target instanceof Element ? target.closest<HTMLElement>("[data-start]") : null;
      // Whoever marks text wants to copy it.
      if (word?.dataset.start !== undefined && getSelection()?.isCollapsed !== false) play(Number(word.dataset.start));
    };
    element?.addEventListener("click", click);
    return () => element?.removeEventListener("click", click);
  });

  // What is said is kept in sight, within the list: the page itself stays where it is.
  useEffect(() => {
    const element = list.current;
    const current = element?.children[place.piece];
    if (!element || !(current instanceof HTMLElement)) return;
    const top = current.offsetTop - element.offsetTop;
    if (top < element.scrollTop || top + current.offsetHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top - element.clientHeight / 3;
    }
  }, [place.piece]);

  return (
    // eslint-disable-next-line jsx-a11y-x/no-noninteractive-tabindex -- what scrolls must be reached by keyboard (WCAG 2.1.1)
    <ol ref={list} class="pieces" tabIndex={0} aria-label={audioText.said}>
      {pieces.map((piece, index) => (
        <Line key={index} piece={piece} part={index === place.piece ? place.part : -1} isCurrent={index === place.piece} onPlay={play} />
      ))}
    </ol>
  );
}

interface LineProps {
  readonly piece: Piece;
  readonly part: number;
  readonly isCurrent: boolean;
  readonly onPlay: (seconds: number) => void;
}

// Of a long transcript only the line is drawn again that is said.
const Line = memo(
  function Line({ piece, part, isCurrent, onPlay }: LineProps) {
    const time = clock(piece.start);
    return (
      <li class="piece" {...(isCurrent && { "aria-current": "true" as const })}>
        <button type="button" class="piece-time" aria-label={audioText.playFrom(time)} onClick={() => { onPlay(piece.start); }}>
          {time}
        </button>
        <p dir="auto">
          {piece.parts.map(({ text, start }, index) =>
            start === null ? text : <span key={index} class="word" data-start={start} data-now={index === part}>{text}</span>,
          )}
        </p>
      </li>
    );
  },
  (before, after) => before.piece === after.piece && before.part === after.part && before.isCurrent === after.isCurrent,
);
