import { Button } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Select } from "../parts/Field";
import { Icon } from "../parts/Icon";
import { type Option, optionsOf } from "../parts/options";
import { Skeleton } from "../parts/Skeleton";
import type { Pages } from "../parts/usePages";
import { jobs } from "../text/jobs";
import { JobCard } from "./JobCard";
import type { Job } from "./settings";

export type StateFilter = "" | Job["state"];

interface Props {
  readonly pages: Pages<Job>;
  readonly apiKey: string | null;
  readonly state: StateFilter;
  readonly onState: (state: StateFilter) => void;
  readonly onJob: (job: Job) => void;
}

const OPTIONS: readonly Option<StateFilter>[] = [{ value: "", label: jobs.anyState }, ...optionsOf(jobs.states)];

/** The jobs, newest first. */
export function JobList({ pages: { items, isBusy, error, hasMore, more, again }, apiKey, state, onState, onJob }: Props) {
  return (
    <section class="panel stack job-list" aria-label={jobs.list} aria-busy={isBusy}>
      <div class="result-head">
        <h2>{jobs.list}</h2>
        <Button small kind="quiet" disabled={apiKey === null || isBusy} onClick={again}><Icon name="again" size={16} />{jobs.reload}</Button>
      </div>
      <Select label={jobs.state} value={state} options={OPTIONS} onInput={onState} />
      <p class="unseen" role="status">{isBusy ? jobs.loading : items ? jobs.shown(items.length, hasMore) : ""}</p>
      {apiKey === null && <Empty icon="speech" title={jobs.noKey}><p>{jobs.noKeyHint}</p></Empty>}
      {apiKey !== null && items === null && error === null && <Skeleton />}
      {error && <ErrorNotice error={error} onRetry={again} />}
      {items?.length === 0 && !isBusy && (
        <Empty icon="speech" title={state === "" ? jobs.nothingYet : jobs.nothingInState}>
          <p>{state === "" ? jobs.nothingYetHint : jobs.nothingInStateHint}</p>
        </Empty>
      )}
      {apiKey !== null && items !== null && items.length > 0 && (
        <ul class="entries">
          {items.map((job) => <JobCard key={job.id} job={job} apiKey={apiKey} onJob={onJob} />)}
        </ul>
      )}
      {hasMore && !error && <Button busy={isBusy} onClick={more}>{jobs.more}</Button>}
    </section>
  );
}
