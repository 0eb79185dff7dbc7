// What signing in by an OpenID provider asks of the network, and of the runtime's cryptography: the provider's
// description of itself, the exchange of a code, the verification of a signature. What the claims must say is judged in
// Rust (edge/core/src/portal/oidc.rs).

/** How long a provider may take, and the most of an answer that is read. */
const TIMEOUT_MS = 10_000;
const MOST_BYTES = 256 * 1024;

/** The signatures that are verified (RFC 7518, 3.1; RFC 8037), as WebCrypto names them. */
const ALGORITHMS = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  RS384: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" },
  RS512: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ES384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  EdDSA: { name: "Ed25519" },
};

/** A text from an address, by GET or, with a form, by POST. No redirect is followed: none is due. */
export async function fetchText(url, form) {
  const headers = { accept: "application/json" };
  if (form !== undefined) headers["content-type"] = "application/x-www-form-urlencoded";
  const init = { method: form === undefined ? "GET" : "POST", headers, body: form, redirect: "manual" };
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = await bounded(response);
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  return text;
}

/** The same for a question in JSON. */
export async function postJson(url, json) {
  const headers = { accept: "application/json", "content-type": "application/json" };
  const init = { method: "POST", headers, body: json, redirect: "manual" };
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  return bounded(response);
}

async function bounded(response) {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error("the answer is too long");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

const bytes = (base64url) => Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const read = (base64url) => new TextDecoder().decode(bytes(base64url));

/** The claims of a token (RFC 7519) whose signature one of the provider's keys (RFC 7517) verifies. */
export async function verified(token, jwks) {
  const [head, body, signature, ...more] = token.split(".");
  if (signature === undefined || more.length > 0) throw new Error("no signed token");
  const { alg, kid } = JSON.parse(read(head));
  const algorithm = Object.hasOwn(ALGORITHMS, alg) ? ALGORITHMS[alg] : undefined;
  if (algorithm === undefined) throw new Error("another algorithm");
  const signed = new TextEncoder().encode(`${head}.${body}`);
  const fits = (key) => (kid === undefined || key.kid === kid) && (key.use ?? "sig") === "sig" && (key.alg ?? alg) === alg;
  for (const key of JSON.parse(jwks).keys.filter(fits)) {
    const { kty, n, e, crv, x, y } = key;
    // Only what is public: whatever else a provider says of a key is no matter of ours.
    const imported = await crypto.subtle.importKey("jwk", { kty, n, e, crv, x, y }, algorithm, false, ["verify"]).catch(() => null);
    if (imported !== null && (await crypto.subtle.verify(algorithm, imported, bytes(signature), signed))) return read(body);
  }
  throw new Error("no key of the provider verifies the token");
}
