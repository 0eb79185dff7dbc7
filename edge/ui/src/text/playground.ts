// What the playground says.
import { bytes } from "./common";

export const playground = {
  title: "Speech to text",
  lead: "Drop a recording or speak into the microphone, and read along while it is heard.",
  audio: "Audio",
  record: "Record",

  recording: "Recording",
  asking: "The browser asks whether this page may use the microphone.",
  level: "Level of the microphone",
  stop: "Stop",
  stopAndTranscribe: "Stop and transcribe",
  discard: "Discard",
  recordingName: "recording",
  refused: {
    denied: {
      title: "The microphone is not allowed",
      detail: "Your browser, or you, refused it. Allow the microphone for this page in the address bar's settings, then record again.",
    },
    none: { title: "There is no microphone", detail: "Connect one, or choose a file." },
    busy: { title: "The microphone can't be used", detail: "Another program may be using it. Close that one, then record again." },
    unsupported: { title: "This browser can't record here", detail: "Recording needs a current browser and a page served over HTTPS. A file can be chosen all the same." },
  },

  fault: {
    huge: (size: number) => ({
      title: "The file is too large",
      detail: `It has ${bytes(size)}; a transcription takes 100 MB at most. A job takes up to 5 GB.`,
    }),
  },
  warning: {
    large: (size: number) => ({
      title: "The file is large",
      detail: `It has ${bytes(size)}. Most services take 25 MB here; a job takes up to 5 GB.`,
    }),
  },
  toJobs: "To the jobs",

  options: "Options",
  model: "Model",
  modelsUnknown: "The list of models comes with a key.",
  language: "Spoken language",
  anyLanguage: "Find out",
  task: "Task",
  tasks: { transcribe: "Transcribe", translate: "Translate to English" },
  format: "Answer",
  formats: {
    stream: "Live, as it is heard",
    words: "JSON with word times",
    json: "JSON",
    text: "Text",
    srt: "Subtitles (SRT)",
    vtt: "Subtitles (WebVTT)",
  },
  prompt: "Names and terms",
  promptHint: "What is likely to be said, spelt as you want it.",
  store: "Keep the transcript",
  storeHint: "It can be read again, searched and shared, and is then followed word by word.",
  transcribe: "Transcribe",
  transcribeAgain: "Transcribe again",
  cancel: "Cancel",

  transcript: "Transcript",
  nothingYet: "Nothing heard yet",
  nothingYetHint: "The text appears here, with the times at which it is said.",
  noSpeech: "Nobody speaks in this audio.",
  sending: "Sending",
  sent: (sent: number, total: number): string => `${bytes(sent)} of ${bytes(total)}`,
  hearing: "Listening",
  heard: (done: string, total: string): string => `${done} of ${total}`,
  done: "Done.",
  cancelled: "Cancelled",
  cancelledHint: "You ended it. What was heard until then stays here.",
  partial: "What was heard until then stays here.",
  clickWord: "Click a word to hear it.",
  clickPhrase: "Click a phrase to hear it. For single words keep the transcript, or ask for JSON with word times.",
  noTimes: "This answer has no times, so the text does not follow the audio.",
  wordsMissing: "The kept transcript could not be read, so the text follows phrase by phrase.",
  copyText: "Copy the text",
  download: (kind: string): string => `Download ${kind}`,

  kept: "Kept",
  openKept: "Kept transcripts",
  share: "Share…",

  code: "The same as code",
  codeLead: "Exactly this request. Put your key in the variable API_KEY.",
  codeLanguages: "Languages",
  codeText: "Code",
  copyCode: "Copy the code",
} as const;
