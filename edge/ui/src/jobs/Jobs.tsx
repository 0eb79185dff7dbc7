import { useCallback, useMemo, useState } from "preact/hooks";
import { call } from "../api/client";
import { apiKey, useKey } from "../api/key";
import { ErrorNotice } from "../parts/ErrorNotice";
import { Frame } from "../parts/Frame";
import { KeyPanel } from "../parts/KeyPanel";
import { useModels } from "../parts/useModels";
import { type Load, usePages } from "../parts/usePages";
import { jobs } from "../text/jobs";
import { JobList, type StateFilter } from "./JobList";
import { Live } from "./live";
import { NewJobPanel } from "./NewJobPanel";
import type { Job } from "./settings";

const PAGE = 20;

export function Jobs() {
  const key = useKey(apiKey);
  const [wanted, setWanted] = useState(0);
  const [state, setState] = useState<StateFilter>("");
  const { models, error, again } = useModels(key);
  const load = useMemo<Load<Job> | null>(() => {
    if (key === null) return null;
    return (cursor, signal, limit = PAGE) =>
      call("get", "/v1/jobs", { key, query: { limit, ...(state !== "" && { state }), ...(cursor !== null && { cursor }) }, signal });
  }, [key, state]);
  const pages = usePages(load);
  const { change } = pages;
  const put = useCallback(
    (job: Job): void => {
      change((items) => (items.some(({ id }) => id === job.id) ? items.map((item) => (item.id === job.id ? job : item)) : [job, ...items]));
    },
    [change],
  );
  return (
    <Frame page="/jobs" title={jobs.title} lead={jobs.lead}>
      <KeyPanel store={apiKey} wanted={wanted} />
      {/* The list tells what is wrong with the key; this is about the models alone. */}
      {error && !pages.error && <ErrorNotice error={error} onRetry={again} />}
      <div class="library">
        <NewJobPanel apiKey={key} models={models} onMade={put} onKeyWanted={() => { setWanted((times) => times + 1); }} />
        <JobList pages={pages} apiKey={key} state={state} onState={setState} onJob={put} />
      </div>
      {key !== null && <Live jobs={pages.items ?? []} apiKey={key} mayPoll={pages.error === null} onJob={put} onPoll={() => void pages.refresh()} />}
    </Frame>
  );
}
