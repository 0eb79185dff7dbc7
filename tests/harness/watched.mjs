// The Worker with its bindings watched: what it asks of KV is counted, and KV and the limiter objects can be taken
// away. `GET /__bindings` tells the counts; `PUT /__bindings` takes away those that its body names, separated by
// commas, and gives the others back.
import edge, { Limiter as Objects } from "./worker.js";

export * from "./worker.js";

const calls = {};
let away = [];

function watched(name, binding) {
  return new Proxy(binding, {
    get(target, method) {
      const member = Reflect.get(target, method);
      if (typeof member !== "function") return member;
      return (...args) => {
        if (name === "KEYS") calls[method] = (calls[method] ?? 0) + 1;
        if (!away.includes(name)) return member.apply(target, args);
        if (name === "KEYS") return Promise.reject(new Error("KV failed: 500 Internal Server Error"));
        // A namespace hands out its stubs even so; then the runtime's own words where an object has too much to do.
        const overloaded = new Error("Durable Object is overloaded. Too many requests queued.");
        return new Proxy({}, { get: () => () => Promise.reject(Object.assign(overloaded, { overloaded: true })) });
      };
    },
  });
}

const bindings = (env) => ({ ...env, KEYS: watched("KEYS", env.KEYS), LIMITER: watched("LIMITER", env.LIMITER) });

// What a key's object writes to KV by itself goes the same way.
export class Limiter extends Objects {
  constructor(ctx, env) {
    super(ctx, bindings(env));
  }
}

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "/__bindings") return edge.fetch(request, bindings(env), ctx);
    if (request.method === "PUT") away = (await request.text()).split(",");
    return Response.json(calls);
  },
};
