// What is said where a transcript is shared.
export const shareText = {
  title: "Share this transcript",
  lead: "Whoever has the link can read the transcript, without a key.",
  expires: "The link ends",
  spans: { never: "Never", day: "After a day", week: "After a week", month: "After 30 days" },
  make: "Make a link",
  link: "The link, shown this once",
  copy: "Copy the link",
  end: "End all links",
  ended: "All links to this transcript have ended.",
} as const;
