// The Worker, with its KV namespace counted: how often requests ask for which operation. `GET /__kv` tells.
import edge from "./worker.js";

export * from "./worker.js";

const calls = {};

const counted = (kv) =>
  new Proxy(kv, {
    get(target, name) {
      const member = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args) => {
        calls[name] = (calls[name] ?? 0) + 1;
        return member.apply(target, args);
      };
    },
  });

export default {
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/__kv") return Response.json(calls);
    return edge.fetch(request, { ...env, KEYS: counted(env.KEYS) }, ctx);
  },
};
