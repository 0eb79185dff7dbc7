import { clock, moment } from "../text/common";
import { transcripts } from "../text/transcripts";
import { nameOfLanguage } from "./names";
import type { Detail } from "./useTranscript";

/** What is known of a transcript beside its text. */
export function About({ detail: { name, language, model, task, duration, created_at, expires_at, links } }: { readonly detail: Detail }) {
  const spoken = nameOfLanguage(language);
  const facts = [
    [transcripts.facts.length, clock(duration)],
    [transcripts.facts.language, task === "translate" ? transcripts.translated(spoken) : spoken],
    [transcripts.facts.model, model],
    [transcripts.facts.made, moment(created_at)],
    [transcripts.facts.until, expires_at == null ? transcripts.forGood : moment(expires_at)],
    [transcripts.facts.links, transcripts.links(links)],
  ] as const;
  return (
    <>
      <h2 class="opened-name" tabIndex={-1}><bdi>{name ?? transcripts.nameless}</bdi></h2>
      <dl class="known">
        {facts.map(([term, fact]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
