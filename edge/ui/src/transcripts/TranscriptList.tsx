import type { components } from "../api/schema";
import { Button } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Skeleton } from "../parts/Skeleton";
import type { Pages } from "../parts/usePages";
import { clock, moment } from "../text/common";
import { transcripts } from "../text/transcripts";
import { ExportButton } from "./ExportButton";
import { nameOfLanguage } from "./names";

export type Summary = components["schemas"]["TranscriptSummary"];

interface Props {
  readonly pages: Pages<Summary>;
  readonly apiKey: string | null;
  readonly opened: string | null;
  /** Whether it is a part of them that is asked for. */
  readonly filtered: boolean;
}

/** The kept transcripts, newest first. */
export function TranscriptList({ pages: { items, isBusy, error, hasMore, more, again }, apiKey, opened, filtered }: Props) {
  return (
    <section class="panel stack library-list" aria-label={transcripts.list} aria-busy={isBusy}>
      <div class="result-head">
        <h2>{transcripts.list}</h2>
        {apiKey !== null && <ExportButton apiKey={apiKey} />}
      </div>
      <p class="unseen" role="status">{isBusy ? transcripts.loading : items ? transcripts.shown(items.length, hasMore) : ""}</p>
      {apiKey === null && <Empty icon="speech" title={transcripts.noKey}><p>{transcripts.noKeyHint}</p></Empty>}
      {apiKey !== null && items === null && error === null && <Skeleton />}
      {items?.length === 0 && !isBusy && <Nothing filtered={filtered} />}
      {items !== null && items.length > 0 && (
        <ul class="entries">
          {items.map((item) => <Entry key={item.id} item={item} isOpen={item.id === opened} />)}
        </ul>
      )}
      {error && <ErrorNotice error={error} onRetry={again} />}
      {hasMore && !error && <Button busy={isBusy} onClick={more}>{transcripts.more}</Button>}
    </section>
  );
}

function Entry({ item: { id, name, excerpt, created_at, duration, language, links }, isOpen }: { readonly item: Summary; readonly isOpen: boolean }) {
  return (
    <li>
      <a class="entry" href={`#${id}`} {...(isOpen && { "aria-current": "true" as const })}>
        <bdi class="entry-name">{name ?? transcripts.nameless}</bdi>
        <span class="entry-about">
          <span>{moment(created_at)}</span>
          <span>{clock(duration)}</span>
          <span>{nameOfLanguage(language)}</span>
          {links > 0 && <span>{transcripts.links(links)}</span>}
        </span>
        <span class="entry-text" dir="auto">{excerpt}</span>
      </a>
    </li>
  );
}

function Nothing({ filtered }: { readonly filtered: boolean }) {
  if (filtered) return <Empty icon="speech" title={transcripts.nothingFound}><p>{transcripts.nothingFoundHint}</p></Empty>;
  return (
    <Empty icon="speech" title={transcripts.nothingYet}>
      <p>{transcripts.nothingYetHint}</p>
      <p><a href="/">{transcripts.toPlayground}</a> · <a href="/jobs">{transcripts.toJobs}</a></p>
    </Empty>
  );
}
