// The Worker with its bindings watched: what it asks of KV is counted, and KV, the limiter objects, the database and
// the bucket can be taken away. `GET /__bindings` tells the counts; `PUT /__bindings` takes away those that its body
// names, separated by commas, and gives the others back. `PUT /__kv` writes entries, `[{"key","value","metadata"},…]`, past
// the Worker.
import edge, { Directory as Lists, Limiter as Objects } from "./worker.js";

export * from "./worker.js";

const calls = {};
let away = [];

/** The runtime's own words where an object has too much to do. */
const overloaded = () =>
  Object.assign(new Error("Durable Object is overloaded. Too many requests queued."), { overloaded: true });

/** What comes of asking one that is away: `method` of the binding `name`. */
function refused(name, method) {
  switch (name) {
    case "KEYS":
      return Promise.reject(new Error("KV failed: 500 Internal Server Error"));
    case "BUCKET":
      return Promise.reject(new Error(`${method}: We encountered an internal error. Please try again. (10001)`));
    case "DB": {
      // A statement is prepared without asking anybody.
      const down = () => Promise.reject(new Error("D1_ERROR: D1 DB is overloaded. Too many requests queued."));
      const statement = new Proxy({}, { get: (_, asked) => (asked === "bind" ? () => statement : down) });
      return method === "prepare" ? statement : down();
    }
    default:
      // A namespace hands out its stubs even so.
      return new Proxy({}, { get: () => () => Promise.reject(overloaded()) });
  }
}

function watched(name, binding) {
  return new Proxy(binding, {
    get(target, method) {
      const member = Reflect.get(target, method);
      if (typeof member !== "function") return member;
      return (...args) => {
        if (name === "KEYS") calls[method] = (calls[method] ?? 0) + 1;
        return away.includes(name) ? refused(name, method) : member.apply(target, args);
      };
    },
  });
}

const WATCHED = ["KEYS", "LIMITER", "PORTAL", "DB", "BUCKET"];
const bindings = (env) => ({ ...env, ...Object.fromEntries(WATCHED.map((name) => [name, watched(name, env[name])])) });

// What objects write by themselves goes the same way.
export class Limiter extends Objects {
  constructor(ctx, env) {
    super(ctx, bindings(env));
  }
}

export class Directory extends Lists {
  constructor(ctx, env) {
    super(ctx, bindings(env));
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/__kv") {
      const entries = await request.json();
      await Promise.all(entries.map(({ key, value, metadata }) => env.KEYS.put(key, value, { metadata })));
      return Response.json(entries.length);
    }
    if (pathname !== "/__bindings") return edge.fetch(request, bindings(env), ctx);
    if (request.method === "PUT") away = (await request.text()).split(",");
    return Response.json(calls);
  },

  queue: (batch, env, ctx) => edge.queue(batch, bindings(env), ctx),
  scheduled: (event, env, ctx) => edge.scheduled(event, bindings(env), ctx),
};
