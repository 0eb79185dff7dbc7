// What is said where an audio file is chosen.
export const audioText = {
  drop: "Drop an audio file here",
  choose: "Choose a file",
  kinds: "flac, mp3, mp4, m4a, ogg, opus, wav, webm",
  otherFile: "Another file",
  removeFile: "Remove the file",
  empty: {
    title: "The file is empty",
    detail: "It has 0 bytes, so there is nothing to hear. Choose another one.",
  },
  unknown: {
    title: "This does not look like audio",
    detail: "The service will say for certain. It knows flac, mp3, mp4, m4a, ogg, opus, wav and webm.",
  },
} as const;
