// What objects tell others: KV its copy, the database audit and usage, the owner's object what was settled.
// All of it at least once, and harmless when it comes twice.

/** Writes entries in their order: the one that makes a key work is the last. */
export async function publish(kv, entries) {
  for (const { name, value, metadata } of entries) {
    if (value === undefined) await kv.delete(name);
    else await kv.put(name, value, { metadata });
  }
}

const AUDIT =
  "INSERT OR IGNORE INTO audit(id,at,actor,action,target,owner,request_id,before,after) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)";
const USAGE =
  "INSERT INTO usage(key_id,hour,owner,plan,version,audio_ms,bytes,outcomes,latency) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9) " +
  "ON CONFLICT(key_id,hour) DO UPDATE SET owner=excluded.owner,plan=excluded.plan,version=excluded.version," +
  "audio_ms=excluded.audio_ms,bytes=excluded.bytes,outcomes=excluded.outcomes,latency=excluded.latency " +
  "WHERE excluded.version>usage.version";

const json = (value) => (value === null || value === undefined ? null : JSON.stringify(value));

function statement(db, news) {
  if (news.kind === "audit") {
    const e = news.event;
    const values = [e.id, e.at, e.actor, e.action, e.target, e.owner, e.request_id, json(e.before), json(e.after)];
    return db.prepare(AUDIT).bind(...values);
  }
  const { key_id, owner, plan, rollup } = news;
  const { hour, version, audio_ms, bytes, outcomes, latency } = rollup;
  return db.prepare(USAGE).bind(key_id, hour, owner, plan, version, audio_ms, bytes, json(outcomes), json(latency));
}

/** Tells all of them or throws. */
export async function tell(env, news) {
  const rows = news.filter(({ kind }) => kind !== "settle");
  const settlements = news.filter(({ kind }) => kind === "settle");
  await Promise.all([
    rows.length > 0 && env.DB.batch(rows.map((row) => statement(env.DB, row))),
    ...settlements.map(({ owner, id, status, measured: { audio_ms, bytes, latency_ms } }) =>
      env.LIMITER.getByName(owner).settle(id, status, audio_ms, bytes, latency_ms),
    ),
  ]);
}
