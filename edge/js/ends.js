// Ends of requests with audio that have time, because no limit hangs on them: the key's next request takes them
// along. A call of the object less for each. Only lines of text go from one request to another: a promise of one
// would hang when the other's context ends.

/** How long an end waits for a request that takes it along, in milliseconds, and how often. */
const WAIT_MS = 25;
const WAITS = 2;
/** Most ends that one request takes along. */
const MOST = 64;

/** Ends that nobody has taken yet, by key. */
const waiting = new Map();

const NOTHING = { lines: "", told() {}, giveBack() {} };

/** What the next request of this key is to take along. */
export function endsOf(keyId) {
  const ends = waiting.get(keyId);
  if (ends === undefined) return NOTHING;
  const taken = ends.splice(0, MOST);
  if (ends.length === 0) waiting.delete(keyId);
  return {
    lines: taken.map(({ line }) => line).join("\n"),
    told: () => taken.forEach((end) => (end.told = true)),
    giveBack: () => taken.forEach((end) => wait(keyId, end)),
  };
}

function wait(keyId, end) {
  const ends = waiting.get(keyId);
  if (ends === undefined) waiting.set(keyId, [end]);
  else ends.push(end);
}

/**
 * Waits for a request that takes this end along. Whether one did, and was answered: otherwise the end is still
 * to be told, and told twice does no harm.
 */
export async function takenAlong(keyId, line) {
  const end = { line, told: false };
  wait(keyId, end);
  for (let waits = 0; waits < WAITS && !end.told; waits++) {
    await scheduler.wait(WAIT_MS);
    const ends = waiting.get(keyId);
    const at = ends?.indexOf(end) ?? -1;
    if (at < 0) continue;
    ends.splice(at, 1);
    if (ends.length === 0) waiting.delete(keyId);
    return false;
  }
  return end.told;
}
