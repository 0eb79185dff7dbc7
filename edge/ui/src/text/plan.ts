// What is said of a plan beside its limits.
export const planText = {
  noLimits: "No limits.",
  models: (names: string): string => `Models: ${names}`,
  kept: (days: string): string => `Transcripts are kept for ${days}`,
  weighs: (cost: string): string => `Each transcription counts as ${cost} requests`,
} as const;
