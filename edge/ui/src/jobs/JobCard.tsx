import { useState } from "preact/hooks";
import { call } from "../api/client";
import { ApiError, asApiError } from "../api/errors";
import { Button, buttonClass } from "../parts/Button";
import { Confirm } from "../parts/Confirm";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Icon } from "../parts/Icon";
import { Notice } from "../parts/Notice";
import { Progress } from "../parts/Progress";
import { say } from "../parts/Toasts";
import { clock, moment } from "../text/common";
import { explain } from "../text/errors";
import { jobs } from "../text/jobs";
import { isUnderWay } from "./live";
import { againOf, type Job } from "./settings";

interface Props {
  readonly job: Job;
  readonly apiKey: string;
  /** It is another one now, or one that is new. */
  readonly onJob: (job: Job) => void;
}

/** One job: how it stands, and what can be done about it. */
export function JobCard({ job, apiKey, onJob }: Props) {
  const [asks, setAsks] = useState(false);
  const { id, name, state, progress, attempts, created_at, duration, transcript_id, cached, error } = job;
  const cancel = async (): Promise<void> => {
    onJob(await call("delete", "/v1/jobs/{id}", { key: apiKey, path: { id } }));
    say(jobs.cancelled);
  };
  return (
    <li class="entry" data-state={state}>
      <div class="job-head">
        <bdi class="entry-name">{name ?? jobs.nameless}</bdi>
        <span class="job-state">{jobs.states[state]}</span>
      </div>
      <div class="entry-about">
        <span>{moment(created_at)}</span>
        {duration != null && <span>{clock(duration)}</span>}
        {cached && <span>{jobs.cached}</span>}
        {attempts > 1 && <span>{jobs.attempt(attempts)}</span>}
      </div>
      {isUnderWay(job) && (
        <Progress
          label={state === "queued" ? jobs.waits : jobs.states.running}
          value={state === "queued" ? 0 : progress}
          detail={state === "queued" ? "" : jobs.heard(progress)}
        />
      )}
      {error && <Failure error={error} />}
      <div class="actions">
        {transcript_id != null && <a class={buttonClass(undefined, true)} href={`/transcripts#${transcript_id}`}><Icon name="speech" size={16} />{jobs.read}</a>}
        {isUnderWay(job) && <Button small kind="quiet" onClick={() => { setAsks(true); }}><Icon name="close" size={16} />{jobs.cancel}</Button>}
      </div>
      {state === "failed" && <Again job={job} apiKey={apiKey} onJob={onJob} />}
      {asks && (
        <Confirm title={jobs.cancelTitle} label={jobs.cancelAction} leave={jobs.cancelLeave} onConfirm={cancel} onClose={() => { setAsks(false); }}>
          <p><bdi class="asked-name">{name ?? jobs.nameless}</bdi></p>
          <p class="soft">{jobs.cancelLead}</p>
        </Confirm>
      )}
    </li>
  );
}

/** Why a job failed. It has been so for a while: nothing to interrupt a screen reader for. */
function Failure({ error }: { readonly error: NonNullable<Job["error"]> }) {
  const { title, detail } = explain(ApiError.inStream(error));
  return <Notice kind="danger" title={title}><p>{detail}</p></Notice>;
}

/** Another job of the same file, where that is there still: only an administrator can try the old one again. */
function Again({ job, apiKey, onJob }: Props) {
  const [failure, setFailure] = useState<ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const body = againOf(job);
  if (!body) return <p class="soft small-text">{jobs.againHint}</p>;
  const again = async (): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      onJob(await call("post", "/v1/jobs", { key: apiKey, body }));
      say(jobs.made);
    } catch (error) {
      setFailure(asApiError(error));
    }
    setBusy(false);
  };
  if (failure?.status === 404) return <p class="small-text" role="alert">{jobs.fileGone}</p>;
  return (
    <>
      {failure && <ErrorNotice error={failure} />}
      <div class="actions"><Button small busy={isBusy} onClick={() => void again()}><Icon name="again" size={16} />{jobs.again}</Button></div>
    </>
  );
}
