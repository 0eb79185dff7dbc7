import { memo } from "../parts/memo";
import { clock } from "../text/common";
import { transcripts } from "../text/transcripts";
import type { Segment } from "./useTranscript";

interface Props {
  readonly segments: readonly Segment[];
}

/** What was said, and when. A day of speech has thousands of them: they are drawn once. */
export const Segments = memo(
  function Segments({ segments }: Props) {
    return (
      // eslint-disable-next-line jsx-a11y-x/no-noninteractive-tabindex -- what scrolls must be reached by keyboard (WCAG 2.1.1)
      <ol class="pieces opened-text" tabIndex={0} aria-label={transcripts.text}>
        {segments.map(({ id, start, text }) => (
          <li key={id} class="piece">
            <span class="piece-time">{clock(start)}</span>
            <p dir="auto">{text.trim()}</p>
          </li>
        ))}
      </ol>
    );
  },
  (before, after) => before.segments === after.segments,
);
