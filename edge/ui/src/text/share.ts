// What is said where a transcript is shared.
export const shareText = {
  title: "Share this transcript",
  lead: "Whoever has the link can read the transcript, without a key.",
  expires: "The link ends",
  spans: { never: "Never", day: "After a day", week: "After a week", month: "After 30 days" },
  embed: "Other pages may embed it",
  embedHint: "Whoever has the link can then show it within a page of their own.",
  code: "To embed it",
  frame: (url: string): string => `<iframe src="${url}" title="Transcript" width="100%" height="480" style="border:0"></iframe>`,
  copyCode: "Copy the code",
  make: "Make a link",
  link: "The link, shown this once",
  copy: "Copy the link",
  end: "End all links",
  ended: "All links to this transcript have ended.",
} as const;
