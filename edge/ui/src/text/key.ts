// What is said where a key is entered.
export const keyText = {
  label: "API key",
  rootLabel: "Root key",
  use: "Use this key",
  forget: "Forget",
  kept: "It stays in this tab, and is gone when the tab is closed.",
  get: "Get a key",
  missing: "Enter a key first.",
} as const;
