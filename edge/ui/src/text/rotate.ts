// What is said where a key gets another secret.
export const rotateText = {
  title: "Give it another secret",
  lead: "The new key is shown once. The old one can work for a while still, so that programs can be changed one after the other.",
  overlap: "The old one works",
  overlaps: {
    "0": "No longer, from now on",
    "3600": "For an hour still",
    "86400": "For a day still",
    "604800": "For a week still",
    "2592000": "For 30 days still",
  },
  rotate: "Rotate",
} as const;
