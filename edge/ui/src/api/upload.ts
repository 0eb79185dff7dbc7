// Sends a body and tells how much of it is gone, and gives the answer's text while it comes. It is an
// XMLHttpRequest because fetch tells nothing of what it has sent.
import { ApiError, asApiError } from "./errors";

export interface Upload {
  readonly method?: "POST" | "PUT";
  readonly url: string;
  readonly key: string;
  readonly body: FormData | Blob;
  readonly signal: AbortSignal;
  /** How many bytes of how many are sent. */
  readonly onSent?: (sent: number, total: number) => void;
  /** What has come of a successful answer since the last call. */
  readonly onText?: (text: string) => void;
}

export interface Uploaded {
  readonly status: number;
  readonly text: string;
  readonly header: (name: string) => string | null;
}

/** Resolves with the whole answer; what is no success is thrown as an `ApiError`, giving up as an `AbortError`. */
export function upload({ method = "POST", url, key, body, signal, onSent, onText }: Upload): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const header = (name: string): string | null => request.getResponseHeader(name);
    const succeeds = (): boolean => request.status >= 200 && request.status < 300;
    let told = 0;
    const tell = (): void => {
      if (!succeeds() || request.responseText.length === told) return;
      const text = request.responseText.slice(told);
      told = request.responseText.length;
      try {
        onText?.(text);
      } catch (error) {
        reject(asApiError(error));
        request.abort();
      }
    };
    const abort = (): void => {
      request.abort();
    };
    request.open(method, url);
    request.setRequestHeader("authorization", `Bearer ${key}`);
    request.responseType = "text";
    request.upload.onprogress = ({ loaded, total }) => onSent?.(loaded, total);
    request.upload.onload = ({ loaded }) => onSent?.(loaded, loaded);
    request.onprogress = tell;
    request.onload = () => {
      tell();
      if (succeeds()) resolve({ status: request.status, text: request.responseText, header });
      else reject(ApiError.of(request.status, header, request.responseText));
    };
    request.onerror = () => {
      reject(ApiError.lost());
    };
    request.onabort = () => {
      reject(new DOMException("Given up.", "AbortError"));
    };
    request.onloadend = () => {
      signal.removeEventListener("abort", abort);
    };
    signal.addEventListener("abort", abort);
    if (signal.aborted) {
      reject(new DOMException("Given up.", "AbortError"));
      return;
    }
    request.send(body);
  });
}
