// What is said where an audio file is chosen, and where one is played.
export const audioText = {
  drop: "Drop an audio file here",
  choose: "Choose a file",
  kinds: "flac, mp3, mp4, m4a, ogg, opus, wav, webm",
  otherFile: "Another file",
  removeFile: "Remove the file",
  player: "Player",
  unplayable: "This browser can't play this file. It can be transcribed all the same.",
  /** Names what is said, where a player is followed. */
  said: "Transcript",
  playFrom: (time: string): string => `Play from ${time}`,
  empty: {
    title: "The file is empty",
    detail: "It has 0 bytes, so there is nothing to hear. Choose another one.",
  },
  unknown: {
    title: "This does not look like audio",
    detail: "The service will say for certain. It knows flac, mp3, mp4, m4a, ogg, opus, wav and webm.",
  },
} as const;
