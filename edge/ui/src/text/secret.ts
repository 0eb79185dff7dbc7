// What is said beside a secret that is shown once.
export const secretText = {
  once: "It is shown this once: copy it now, and keep it where nobody else looks.",
  done: "It is kept, close",
} as const;
