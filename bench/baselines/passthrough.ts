// The floor: a Worker that hands every request on and does nothing else.
interface Env {
  INFERENCE_URLS: string;
}

export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    return fetch(env.INFERENCE_URLS + pathname + search, request);
  },
} satisfies ExportedHandler<Env>;
