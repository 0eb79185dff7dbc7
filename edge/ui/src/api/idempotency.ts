// A request that makes something may be sent again when its answer was lost, and makes it once all the same
// (docs/api.md, `Idempotency-Key`).

/** The header for one form: the same as long as the same is sent, another one when that changes. */
export class Idempotency {
  #body = "";
  #key = "";

  headers(body: unknown): Record<string, string> {
    const now = JSON.stringify(body);
    if (this.#key === "" || now !== this.#body) this.#key = drawn();
    this.#body = now;
    return { "idempotency-key": this.#key };
  }

  /** It is made: the same again is another one. */
  done(): void {
    this.#key = "";
  }
}

// `randomUUID` is missing where a page is served without TLS.
const drawn = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
