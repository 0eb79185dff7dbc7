import { useCallback } from "preact/hooks";
import { call } from "../api/client";
import type { components } from "../api/schema";
import { Button } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { go, hashOf } from "../parts/hash";
import { Moment } from "../parts/Moment";
import { byId, type Column, Table } from "../parts/Table";
import { say } from "../parts/Toasts";
import { useAct } from "../parts/useAct";
import { useLoad } from "../parts/useLoad";
import { admin, jobsText } from "../text/admin";
import type { SectionProps } from "./Console";
import { FilterForm } from "./FilterForm";
import { Pager } from "./Pager";
import { useRootKey } from "./rootKey";
import { Failure, Section } from "./Section";

type DeadJob = components["schemas"]["DeadJob"];

const LIVE_MS = 10_000;
const FIELDS = [{ name: "owner", label: jobsText.owner }] as const;

/** Jobs that were given up, and another try for them. */
export function DeadJobs({ place }: SectionProps) {
  const key = useRootKey();
  const owner = place.query.get("owner") ?? "";
  const cursor = place.query.get("cursor") ?? "";
  const load = useCallback((signal: AbortSignal) => call("get", "/admin/jobs", { key, query: { state: "dead", owner, cursor }, signal }), [key, owner, cursor]);
  const { data, error, isStale, reload } = useLoad(load, LIVE_MS);
  const { isBusy, error: refused, act } = useAct();
  const retry = (id: string): void => {
    void act(async () => {
      await call("post", "/admin/jobs/{id}/retry", { key, path: { id } });
      say(jobsText.retried);
      reload();
    });
  };
  const columns: readonly Column<DeadJob>[] = [
    { key: "job", title: jobsText.job, cell: ({ id, name }) => <span class="long" dir="auto">{name ?? id}</span> },
    {
      key: "owner",
      title: jobsText.owner,
      cell: ({ owner, key_id: id }) => (
        <>
          <span class="long">{owner ?? admin.none}</span>
          <a class="long" href={hashOf("keys", id)}><code>{id}</code></a>
        </>
      ),
    },
    {
      key: "error",
      title: jobsText.error,
      cell: ({ error: { code, message }, attempts }) => (
        <>
          <span class="long" dir="auto">{words(message) || words(code)}</span>
          <span class="soft">{jobsText.attempts(attempts)}</span>
        </>
      ),
    },
    { key: "ended", title: jobsText.ended, cell: ({ ended_at: at }) => <Moment at={at} /> },
    { key: "retry", title: jobsText.retry, isAction: true, cell: ({ id }) => <Button small busy={isBusy} onClick={() => { retry(id); }}>{jobsText.retry}</Button> },
  ];
  return (
    <Section title={admin.section.jobs} lead={jobsText.lead}>
      <FilterForm key={owner} label={jobsText.filter} fields={FIELDS} values={{ owner }} onApply={(values) => { go(hashOf("jobs", "", values)); }} />
      <Failure error={error} scope="admin:jobs" onRetry={reload} />
      <Failure error={refused} scope="admin:jobs" />
      {data && (
        <div class="stack" aria-busy={isStale}>
          {data.data.length === 0 && <Empty icon="done" title={jobsText.none} />}
          {data.data.length > 0 && <Table caption={jobsText.caption} columns={columns} rows={data.data} keyOf={byId} />}
          <Pager place={place} next={data.next_cursor} />
        </div>
      )}
    </Section>
  );
}

const words = (value: unknown): string => (typeof value === "string" ? value : "");
