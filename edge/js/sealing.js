// Texts that must be read again and must not lie in storage as they are: sealed with AES-256-GCM (NIST SP 800-38D), by
// keys that come of the signing secrets. What a text belongs to is a part of its seal: none stands for another.

const ALGORITHM = "AES-GCM";
const KEY_BYTES = 32;
/** The length that GCM is made for; drawn anew for each text. */
const NONCE_BYTES = 12;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Sealing {
  #keys;

  /** `keys`: of 32 bytes each, one after the other. The first seals, all of them open. */
  constructor(keys) {
    this.#keys = Array.from({ length: keys.length / KEY_BYTES }, (_, n) => {
      const key = keys.subarray(n * KEY_BYTES, (n + 1) * KEY_BYTES);
      return crypto.subtle.importKey("raw", key, ALGORITHM, false, ["encrypt", "decrypt"]);
    });
  }

  async seal(text, of) {
    const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const how = { name: ALGORITHM, iv, additionalData: encoder.encode(of) };
    const sealed = new Uint8Array(await crypto.subtle.encrypt(how, await this.#keys[0], encoder.encode(text)));
    const whole = new Uint8Array(NONCE_BYTES + sealed.length);
    whole.set(iv);
    whole.set(sealed, NONCE_BYTES);
    return whole;
  }

  /** The text, and whether it was sealed with the first of the keys; null where none opens it. */
  async open(buffer, of) {
    const whole = new Uint8Array(buffer);
    const how = { name: ALGORITHM, iv: whole.subarray(0, NONCE_BYTES), additionalData: encoder.encode(of) };
    for (const [n, key] of this.#keys.entries()) {
      try {
        const text = await crypto.subtle.decrypt(how, await key, whole.subarray(NONCE_BYTES));
        return { text: decoder.decode(text), isFresh: n === 0 };
      } catch {
        // Another key may.
      }
    }
    return null;
  }
}
