// The one place where the pages ask the API: paths, bodies and answers as edge/openapi.json has them.
import { ApiError } from "./errors";
import type { paths } from "./schema";

type Method = "get" | "post" | "put" | "patch" | "delete";
type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>;

/** Paths of the API that take a method. */
export type PathsOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];

type Responses<O> = O extends { responses: infer R } ? R : never;
type Json<R> = R extends { content: { "application/json": infer B } } ? B : undefined;
/** What an operation answers when it went well. */
export type Answer<O> = O extends unknown ? { [S in keyof Responses<O>]: S extends 200 | 201 | 202 | 204 ? Json<Responses<O>[S]> : never }[keyof Responses<O>] : never;
type Query<O> = O extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;
type InPath<O> = O extends { parameters: { path: infer I } } ? I : never;
type Body<O> = O extends { requestBody?: { content: { "application/json": infer B } } } ? B : never;

/** What goes with a request beside its path. */
export interface Options<O = never> {
  /** An API key or a root key; without it the request goes as the browser's session. */
  readonly key?: string | null;
  readonly path?: InPath<O>;
  readonly query?: Query<O>;
  readonly body?: Body<O>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Whether the answer to a request with a key may set a cookie, and the request brings those that are there. */
  readonly cookies?: boolean;
}

/** Asks a path of the API's description. */
export async function call<M extends Method, P extends PathsOf<M>>(
  method: M,
  path: P,
  options: Options<Operation<P, M>> = {},
): Promise<Answer<Operation<P, M>>> {
  const answer = await send(method, address(path, options.path, options.query), options);
  return (await json(answer)) as Answer<Operation<P, M>>;
}

/** Asks a path that answers with text: a transcript as subtitles, an export. */
export async function text<P extends PathsOf<"get">>(path: P, options: Options<Operation<P, "get">> = {}): Promise<string> {
  const answer = await send("get", address(path, options.path, options.query), options);
  return body(answer);
}

/** Asks a path that answers with a file: audio. */
export async function blob<P extends PathsOf<"get">>(path: P, options: Options<Operation<P, "get">> = {}): Promise<Blob> {
  const answer = await send("get", address(path, options.path, options.query), options);
  return answer.blob().catch(asLost);
}

/** Sends a request and gives the answer to read; what is no success is thrown as an `ApiError`. */
export async function send(
  method: Method,
  url: string,
  { key, body: sent, headers, signal, cookies = key == null }: Pick<Options, "key" | "headers" | "signal" | "cookies"> & { readonly body?: unknown } = {},
): Promise<Response> {
  const request: RequestInit = {
    method: method.toUpperCase(),
    headers: {
      ...(key != null && { authorization: `Bearer ${key}` }),
      ...(sent !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    // A key says who asks; a session's cookie must not say something else beside it.
    credentials: cookies ? "same-origin" : "omit",
    ...(sent !== undefined && { body: JSON.stringify(sent) }),
    ...(signal && { signal }),
  };
  const answer = await fetch(url, request).catch(asLost);
  if (!answer.ok) throw ApiError.of(answer.status, (name) => answer.headers.get(name), await body(answer));
  return answer;
}

/** The JSON of an answer; nothing where it has none. */
export async function json(answer: Response): Promise<unknown> {
  const said = await body(answer);
  if (said === "") return undefined;
  try {
    return JSON.parse(said) as unknown;
  } catch {
    throw new ApiError({ status: answer.status, code: "not_understood", message: "The answer is not JSON." });
  }
}

/** A path with its places filled in, and its query; what is empty is left out. */
export function address(path: string, places: unknown, query: unknown): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const place = String(entries(places).get(name) ?? "").toWellFormed();
    // A browser takes these for steps of the path, however they are written: another path would be asked.
    if (place === "." || place === "..") throw new ApiError({ status: 404, code: "not_found", message: "It can't be asked for." });
    return encodeURIComponent(place);
  });
  const asked = new URLSearchParams();
  for (const [name, value] of entries(query)) asked.set(name, String(value));
  return asked.size === 0 ? filled : `${filled}?${asked.toString()}`;
}

type Simple = string | number | boolean | null | undefined;

const entries = (of: unknown): Map<string, Exclude<Simple, null | undefined>> =>
  new Map(Object.entries((of ?? {}) as Record<string, Simple>).flatMap(([name, value]) => (value == null || value === "" ? [] : [[name, value]])));

const body = (answer: Response): Promise<string> => answer.text().catch(asLost);

// The browser says "TypeError" of every connection that fails; an abort is passed on as it is.
function asLost(error: unknown): never {
  throw error instanceof TypeError ? ApiError.lost() : error;
}
