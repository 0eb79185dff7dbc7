// What is said of usage, in charts and tables.
export const usageText = {
  outcomes: {
    served: "Served",
    client_error: "Callers' errors",
    client_gone: "Callers left",
    upstream_failed: "Hosts failed",
    rate_limited: "Refused: rate",
    quota_used_up: "Refused: quota",
    concurrency_limited: "Refused: at the same time",
    credits_used_up: "Refused: credits",
    lost: "End unknown",
  } as Readonly<Record<string, string>>,
  series: { served: "Served", refused: "Refused by limits", callers: "Ended by callers", failed: "Failed" },
  traffic: "Requests",
  latency: "Latency",
  latencyNote: "Requests with audio, rounded up by at most 41 %.",
  audio: "Audio",
  percentiles: { p50: "Half within", p90: "9 of 10 within", p99: "99 of 100 within" },
  hour: "Hour",
  day: "Day (UTC)",
  asTable: (of: string): string => `${of} as a table`,
  chartOf: (of: string): string => `Chart: ${of}`,
  heard: "Audio heard",
  nothing: "Nothing was used in this time.",
} as const;

/** Milliseconds as people read them. */
export const milliseconds = (ms: number): string => (ms < 1000 ? `${String(Math.round(ms))} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`);
