// A key's object: the authority for what the key is, its limits, its revocation. An owner's limits, which all
// his keys share, are an object of this class, too.
//
// Atomicity: every step is one synchronous call into Rust, from reading the state to writing it. Nothing else
// of the object runs in between, and the output gate holds the answer back until the write is on disk. What
// is awaited here comes after a step is whole, and is told again should it fail.
import { DurableObject } from "cloudflare:workers";
import { directoriesOf, LimiterObject } from "./index.js";
import { publish, tell } from "./news.js";

/** First letter of a key's own "yes" where its owner's limits are to be asked, too. */
const ASK_OWNER = "O".charCodeAt(0);
/** Place of what remains of the requests, in a packed answer. */
const REMAINING = 5;
const DEFAULT_FLUSH_SECONDS = 300;

/** Of two admissions the one whose limits have less left: its headers are sent. */
function tighter(mine, theirs) {
  const left = (packed) => {
    const field = packed.split("\n")[REMAINING];
    return field === "" || field === undefined ? Infinity : Number(field);
  };
  return left(theirs) < left(mine) ? theirs : mine;
}

export class Limiter extends DurableObject {
  #object = null;
  #published = Promise.resolve();
  #told = Promise.resolve();

  /** Runs one step on the state; after a failure the state is read from storage again. */
  #step(act) {
    try {
      this.#object ??= new LimiterObject(
        this.ctx.storage,
        Number(this.env.USAGE_FLUSH_SECONDS ?? DEFAULT_FLUSH_SECONDS),
        Date.now(),
      );
      return act(this.#object);
    } catch (error) {
      this.#object = null;
      throw error;
    }
  }

  /**
   * `news`: what the isolate decided by itself (refused, letter, used), how many permits it wants ahead, and the
   * ends of requests with audio that had time, a line each.
   */
  admit(cost, generation, ...news) {
    const now = Date.now();
    const packed = this.#step((object) => object.admit(now, cost, generation, ...news));
    return packed.charCodeAt(0) === ASK_OWNER ? this.#askOwner(now, packed, cost, "", 0) : packed;
  }

  admitUpload(cost, generation, refused, letter, used, ahead, ended, id, lastsMs) {
    const now = Date.now();
    const packed = this.#step((object) =>
      object.admitUpload(now, cost, generation, refused, letter, used, ahead, ended, id, lastsMs),
    );
    return packed.charCodeAt(0) === ASK_OWNER ? this.#askOwner(now, packed, cost, id, lastsMs) : packed;
  }

  settlePermitted(at, cost, status, audioMs, bytes, latencyMs) {
    this.#step((object) => object.settlePermitted(Date.now(), at, cost, status, audioMs, bytes, latencyMs));
  }

  /**
   * All or none, over two objects: the key's limits are charged already, and given back when the owner's
   * refuse. In between others may be refused for it, but never one too many admitted.
   */
  async #askOwner(now, packed, cost, id, lastsMs) {
    const own = `A${packed.slice(1)}`;
    let word;
    try {
      const owner = this.env.LIMITER.getByName(this.#step((object) => object.owner()));
      word = await (id === ""
        ? owner.admit(cost, 0, 0, 0, 0, 0, "")
        : owner.admitUpload(cost, 0, 0, 0, 0, 0, "", id, lastsMs));
    } catch (error) {
      this.#step((object) => object.undo(now, cost, id, 0));
      throw error;
    }
    if (word === "U") return own;
    if (word.startsWith("A")) return tighter(own, word);
    this.#step((object) => object.undo(now, cost, id, word.charCodeAt(0)));
    return word;
  }

  settle(id, status, audioMs, bytes, latencyMs) {
    const news = this.#step((object) => object.settle(Date.now(), id, status, audioMs, bytes, latencyMs));
    if (news) this.ctx.waitUntil(this.#tell());
  }

  /** Makes a key. It does not work before KV has it: a failure there is a failure of the whole. */
  async create(key, by) {
    const answer = this.#step((object) => object.create(Date.now(), key, by));
    if (JSON.parse(answer).done === undefined) return answer;
    const { record } = JSON.parse(key);
    if (!(await this.#confirm(record))) {
      // Another key of this owner took the plan in between: this one never worked, and never will.
      this.#step((object) => object.change(Date.now(), JSON.stringify({ op: "revoke" }), by));
      await this.#publish();
      await this.#tell();
      return JSON.stringify({ not: "taken" });
    }
    await this.#enter(record, by);
    await this.#publish();
    await this.#tell();
    return this.view();
  }

  /** Carries a change out. `known`: record and hash of a key that came into KV by another way. */
  async change(change, by, known) {
    if (known !== "") {
      const { record, hash } = JSON.parse(known);
      await this.adopt(JSON.stringify(record), hash);
    }
    const answer = this.#step((object) => object.change(Date.now(), change, by));
    await this.#publish().catch(() => {});
    await this.#tell();
    return answer;
  }

  /** Takes over a key that came into KV by another way. */
  async adopt(record, hash) {
    const announced = await this.#announcements(JSON.parse(record));
    this.#step((object) => object.adopt(Date.now(), record, hash, JSON.stringify(announced)));
  }

  view() {
    return this.#step((object) => object.view(Date.now()));
  }

  setOwnerLimits(limits) {
    return this.#step((object) => object.setOwnerLimits(Date.now(), limits));
  }

  ownerLimits() {
    return this.#step((object) => object.ownerLimits());
  }

  usage() {
    return this.#step((object) => object.usage(Date.now()));
  }

  /** Forgets everything but the revocation, after what was to be told is told. */
  async purge() {
    await this.#publish();
    await this.#tell();
    return this.#step((object) => object.purge());
  }

  async alarm() {
    this.#step((object) => object.tick(Date.now()));
    let failed = false;
    await this.#publish().catch(() => (failed = true));
    failed ||= !(await this.#tell());
    this.#step((object) => object.rearm(Date.now(), failed));
  }

  /** Makes good what a key claimed that its owner takes by himself; whether it has it still. */
  async #confirm(record) {
    if (!record.self_service) return true;
    const owner = JSON.parse(directoriesOf(JSON.stringify(record))).find((name) => name.startsWith("owner:"));
    return this.env.DIRECTORY.getByName(owner).confirm(record.id, record.plan);
  }

  /** Enters a key with its owner and its plan, and gives what they announced. */
  async #announcements(record) {
    const names = JSON.parse(directoriesOf(JSON.stringify(record)));
    const entered = await Promise.all(
      names.map((name) => this.env.DIRECTORY.getByName(name).enter([record.id], null)),
    );
    return entered.map(({ announced }) => announced).filter((value) => value !== null);
  }

  /** What was announced between a key's entering and its making would be missed: it is asked for again. */
  async #enter(record, by) {
    for (const value of await this.#announcements(record)) {
      const change = "limited" in value ? { op: "owner", limited: value.limited } : { op: "plan", plan: value };
      this.#step((object) => object.change(Date.now(), JSON.stringify(change), by));
    }
  }

  /** Brings KV up to date; one after the other, so that an older record never replaces a newer one. */
  #publish() {
    const published = this.#published.then(async () => {
      const entries = this.#step((object) => object.unpublished(Date.now()));
      if (entries === undefined) return;
      const version = this.#step((object) => object.version());
      await publish(this.env.KEYS, JSON.parse(entries));
      this.#step((object) => object.published(Date.now(), version));
    });
    this.#published = published.catch(() => {});
    return published;
  }

  /** Tells what is to be told; whether that went well. What was not told is told by the alarm. */
  #tell() {
    const told = this.#told.then(async () => {
      for (;;) {
        const news = JSON.parse(this.#step((object) => object.news()));
        if (news.length === 0) return true;
        await tell(this.env, news);
        this.#step((object) => object.wasTold(JSON.stringify(news.map(({ n }) => n))));
      }
    });
    this.#told = told.catch((error) => {
      console.error(JSON.stringify({ level: "warn", msg: "not told yet", cause: String(error) }));
      return false;
    });
    return this.#told;
  }
}
