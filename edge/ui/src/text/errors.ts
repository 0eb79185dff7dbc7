// What went wrong, in words a person understands, and what can be done about it.
import type { ApiError, ErrorCode } from "../api/errors";

export interface Explanation {
  readonly title: string;
  readonly detail: string;
  /** Where it can be mended. */
  readonly link?: { readonly href: string; readonly text: string };
}

const KEYS = { href: "/keys", text: "To the keys" } as const;
const JOBS = { href: "/jobs", text: "To the jobs" } as const;
const BUSY = "Nothing is wrong with your request. It may be sent again in a moment.";

const BY_CODE: Partial<Record<ErrorCode, Explanation>> = {
  // The key
  missing_api_key: { title: "No key", detail: "Enter an API key first.", link: KEYS },
  invalid_api_key: { title: "This key is not known", detail: "Look for a typing error: a key is copied whole, from its first letter to its last.", link: KEYS },
  revoked_api_key: { title: "This key was revoked", detail: "It will not work again. Take another one.", link: KEYS },
  disabled_api_key: { title: "This key is switched off", detail: "Whoever administers it can switch it on again." },
  expired_api_key: { title: "This key has expired", detail: "Take another one.", link: KEYS },
  insufficient_scope: { title: "This key may not do that", detail: "It lacks the permission. Whoever administers it can grant it." },
  address_not_allowed: { title: "This key does not work from here", detail: "It is bound to other network addresses." },
  model_not_allowed: { title: "This key may not use this model", detail: "Choose another model." },
  model_not_found: { title: "There is no such model", detail: "Choose another model." },

  // The session of the pages
  no_session: { title: "You are signed out", detail: "The session is over. Sign in again; what you typed is still here.", link: KEYS },
  invalid_sign_in: { title: "This link does not sign you in", detail: "It was used already, or its time is over. Ask for another one." },
  sign_in_failed: { title: "The sign-in did not work", detail: "The provider that knows you could not be asked, or its answer can't be believed. Try again; if it stays so, tell whoever runs this service." },
  too_many_sign_ins: { title: "Too many attempts to sign in", detail: "They came from your network address. Wait, then try again." },
  portal_switched_off: { title: "Keys are not given out here", detail: "Whoever runs this service makes them. Ask there for one." },
  portal_unavailable: { title: "Who is signed in can't be told now", detail: "Nothing is lost. Try again in a moment." },
  not_self_service: { title: "An administrator made this key", detail: "It can be used, but only an administrator can change it." },
  cross_site_request: { title: "The request did not come from this page", detail: "The browser, or something between, hides where it comes from. Load the page again." },
  challenge_failed: { title: "The check failed", detail: "It could not be told that you are a person. Do the check again." },

  // The audio
  empty_file: { title: "The file is empty", detail: "It has 0 bytes. Choose another one." },
  unsupported_audio: { title: "This is not audio that can be read", detail: "Known are flac, mp3, mp4, m4a, ogg, opus, wav and webm; what is inside counts, not the name." },
  invalid_audio: { title: "The audio is damaged", detail: "Its kind is known, but it can't be decoded. Save or convert it again." },
  file_too_large: { title: "The file is too large", detail: "A transcription takes up to 25 MiB. Compress the audio (opus, mp3), or send it as a job: a job takes up to 5 GB.", link: JOBS },
  audio_too_long: { title: "The audio is too long", detail: "Split it, or ask whoever runs this service to allow more." },
  unsupported_media_type: { title: "The service does not take this kind of file", detail: "Send audio: flac, mp3, mp4, m4a, ogg, opus, wav or webm." },
  upload_mismatch: { title: "The file is not the one that was announced", detail: "Its bytes changed on the way, or before. Choose it again." },
  request_timeout: { title: "The upload stopped", detail: "Nothing came for too long. Send it again." },

  // Uploads, and addresses of audio
  upload_is_incomplete: { title: "Parts of the file are missing", detail: "Choose the same file again: what is missing is sent." },
  upload_is_complete: { title: "The file is there already", detail: "It needs no further part." },
  too_many_uploads: { title: "Too many files wait for a job", detail: "Make jobs of them, or wait: an upload goes by itself after two days." },
  url_unreachable: { title: "The address does not answer", detail: "The audio could not be fetched from there." },
  url_timeout: { title: "The address was too slow", detail: "The audio did not come in time." },
  url_not_allowed: { title: "This address is not fetched from", detail: "Only public addresses of the internet are, over HTTPS." },
  urls_switched_off: { title: "Nothing is fetched here", detail: "Upload the file instead." },

  // Limits
  rate_limit_exceeded: { title: "Too many requests", detail: "The rate of this key is used up for the moment." },
  insufficient_quota: { title: "The quota of this key is used up", detail: "It starts anew with its next period. Whoever administers the key can grant more." },
  insufficient_credits: { title: "No credits are left", detail: "Whoever administers the key can add some." },
  concurrency_limit_exceeded: { title: "Too many requests at the same time", detail: "Another request of this key is still under way. Wait for it to end." },
  too_many_jobs: { title: "Too many jobs are waiting", detail: "Wait for some to end." },

  // Conflicts
  key_exists: { title: "You have a key on this plan already", detail: "There is one key for each plan. Use that one, or revoke it first.", link: KEYS },
  key_is_revoked: { title: "The key was revoked", detail: "It stays as it is. Make another one." },
  version_conflict: { title: "Somebody else changed it first", detail: "Load it again, then make your change once more." },
  too_many_links: { title: "Too many links", detail: "Sixteen links lead to this transcript. End them first." },
  idempotency_key_reused: { title: "This was sent before, in another form", detail: "Send it as a new request." },
  plan_in_use: { title: "Keys are on this plan", detail: "Move them to another plan first." },

  // The service
  queue_full: { title: "The service is full", detail: BUSY },
  upstream_failed: { title: "The service broke off", detail: "The host that hears the audio failed on the way. Try again." },
  upstream_unavailable: { title: "The service is not reachable", detail: "The hosts that hear the audio do not answer. Try again in a moment." },
  shutting_down: { title: "The service is being renewed", detail: BUSY },
  model_unavailable: { title: "The model can't be loaded now", detail: "Try again in a moment, or choose another model." },
  store_unavailable: { title: "The transcript could not be kept", detail: "It was to be kept and can't be at the moment. Try again, or do not ask to keep it." },
  deadline_exceeded: { title: "The service was too busy", detail: "The request waited too long. Try again later." },
  upstream_timeout: { title: "It took too long", detail: "The answer did not come in time. Try shorter audio, or send it as a job.", link: JOBS },

  jobs_unavailable: { title: "The jobs can't be reached now", detail: BUSY },
  database_unavailable: { title: "The transcripts can't be reached now", detail: BUSY },
  storage_full: { title: "There is no room for the file now", detail: BUSY },
  internal_error: { title: "The service failed", detail: "That is no fault of yours. Try again; if it stays so, tell whoever runs this service." },

  // The way there
  network_lost: { title: "The connection was lost", detail: "Nothing that you chose or typed is lost. Look after the network, then try again." },
  not_understood: { title: "An answer that this page does not understand", detail: "Something between here and the service answered in its place. Try again in a moment." },
};

const BY_STATUS: Partial<Record<number, Explanation>> = {
  401: { title: "The key is not accepted", detail: "Enter another API key.", link: KEYS },
  403: { title: "That is not allowed", detail: "This key lacks the permission." },
  404: { title: "It is not there", detail: "It was deleted, or it never was." },
  409: { title: "That does not go together with what is there", detail: "Load the page again and look how things are now." },
  413: { title: "That is too large", detail: "Send less at a time." },
  429: { title: "Too many requests", detail: "Wait a moment." },
  503: { title: "The service can't answer now", detail: BUSY },
};

/** Codes whose own message says exactly what to change: a field, a value. */
const SPEAKS_FOR_ITSELF = new Set<ErrorCode>(["invalid_value", "missing_parameter", "invalid_body", "duplicate_parameter", "conflicting_api_keys"]);

export function explain(error: ApiError): Explanation {
  if (SPEAKS_FOR_ITSELF.has(error.code)) return { title: "The service does not take that", detail: error.message };
  // Whose code is "constructor" is not explained by what every object has.
  const known = Object.hasOwn(BY_CODE, error.code) ? BY_CODE[error.code] : undefined;
  return known ?? BY_STATUS[error.status] ?? fallback(error);
}

const fallback = ({ status, message }: ApiError): Explanation => ({
  title: status >= 500 ? "The service failed" : "That did not work",
  detail: message,
});
