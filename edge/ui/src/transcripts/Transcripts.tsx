import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { apiKey, useKey } from "../api/key";
import { Empty } from "../parts/Empty";
import { Frame } from "../parts/Frame";
import { KeyPanel } from "../parts/KeyPanel";
import { useStore } from "../parts/store";
import { useDebounced } from "../parts/useDebounced";
import { type Load, usePages } from "../parts/usePages";
import { transcripts } from "../text/transcripts";
import { FilterPanel } from "./FilterPanel";
import { closeForGood, opened } from "./opened";
import { OpenedPanel } from "./OpenedPanel";
import { type Filters, isFiltered, NO_FILTERS, questionOf } from "./question";
import { type Summary, TranscriptList } from "./TranscriptList";
import { useTranscript } from "./useTranscript";

/** Long enough for a word to be typed on. */
const TYPING_MS = 300;
const PAGE = 30;

export function Transcripts() {
  const key = useKey(apiKey);
  const id = useStore(opened);
  const [filters, setFilters] = useState<Filters>(NO_FILTERS);
  const asked = useDebounced(filters, TYPING_MS);
  const load = useMemo<Load<Summary> | null>(() => {
    if (key === null) return null;
    const question = questionOf(asked);
    return (cursor, signal) => call("get", "/v1/transcripts", { key, query: { ...question, limit: PAGE, ...(cursor !== null && { cursor }) }, signal });
  }, [key, asked]);
  const pages = usePages(load);
  const transcript = useTranscript(key, id);
  const bench = useRef<HTMLDivElement>(null);
  useFocus(bench, id, transcript.found?.id ?? null);

  const forget = (gone: string): void => {
    pages.change((items) => items.filter((item) => item.id !== gone));
    closeForGood();
  };
  const count = (of: string, links: number): void => {
    pages.change((items) => items.map((item) => (item.id === of ? { ...item, links } : item)));
  };
  return (
    <Frame page="/transcripts" title={transcripts.title} lead={transcripts.lead}>
      <KeyPanel store={apiKey} />
      <div ref={bench} class="library" data-open={id !== null}>
        <div class="stack library-side">
          <FilterPanel filters={filters} onChange={setFilters} />
          <TranscriptList pages={pages} apiKey={key} opened={id} filtered={isFiltered(asked)} />
        </div>
        {id !== null && key !== null ? (
          <OpenedPanel opened={transcript} apiKey={key} onDeleted={forget} onLinks={count} />
        ) : (
          <section class="panel opened" aria-label={transcripts.opened}>
            <Empty icon="speech" title={transcripts.choose}><p>{id === null ? transcripts.chooseHint : transcripts.noKeyHint}</p></Empty>
          </section>
        )}
      </div>
    </Frame>
  );
}

// The focus goes where the eyes go: to a transcript that was opened, and back to its place in the list. What the
// address says at first moves nothing.
function useFocus(bench: { readonly current: HTMLElement | null }, id: string | null, shown: string | null): void {
  const before = useRef(id);
  useEffect(() => {
    if (before.current === id) return;
    if (id !== null && shown !== id) return;
    const place = id === null ? `.entry[href="#${before.current ?? ""}"]` : ".opened-name";
    before.current = id;
    bench.current?.querySelector<HTMLElement>(place)?.focus({ preventScroll: id === null });
  }, [bench, id, shown]);
}
