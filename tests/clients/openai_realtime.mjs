// The official npm client's realtime session, with nothing changed but what OPENAI_BASE_URL and OPENAI_API_KEY say.
//
// argv[2]: JSON {"transport": "ws"|"websocket", "pcm": a file of 16-bit PCM at 24 kHz, "turns": how often it is
// said}. `ws` sends the key as a header, `websocket` is the form for browsers and sends it as a subprotocol.
// Prints {"transcripts", "deltas", "seconds", "kinds", "protocol"} or {"error": the client's words}.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { WebSocket } from "ws";

const { transport, pcm, turns } = JSON.parse(process.argv[2]);
const client = new OpenAI();
// Node's own can't be had without TLS (without_tls.mjs).
globalThis.WebSocket = WebSocket;
const session =
  transport === "ws"
    ? new OpenAIRealtimeWS({ intent: "transcription" }, client)
    : new OpenAIRealtimeWebSocket({ intent: "transcription" }, client);

const speech = readFileSync(pcm);
const pause = Buffer.alloc(24_000 * 2);
const STEP = 4_800;
const said = { transcripts: [], deltas: [], seconds: 0, kinds: [] };

function say(audio) {
  for (let at = 0; at < audio.length; at += STEP) {
    session.send({ type: "input_audio_buffer.append", audio: audio.subarray(at, at + STEP).toString("base64") });
  }
}

function end(result) {
  console.log(JSON.stringify(result));
  session.close();
}

session.on("error", (error) => end({ error: error.message }));
session.on("event", ({ type }) => said.kinds.push(type));
session.on("session.created", () =>
  session.send({
    type: "session.update",
    session: {
      type: "transcription",
      audio: {
        input: {
          format: { type: "audio/pcm", rate: 24_000 },
          transcription: { model: "whisper-1", language: "en" },
          turn_detection: { type: "server_vad", threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 800 },
        },
      },
    },
  }),
);
session.on("session.updated", () => {
  for (let turn = 0; turn < turns; turn++) {
    say(speech);
    say(pause);
  }
});
session.on("conversation.item.input_audio_transcription.delta", ({ delta }) => said.deltas.push(delta));
session.on("conversation.item.input_audio_transcription.completed", ({ transcript, usage }) => {
  said.transcripts.push(transcript);
  said.seconds += usage.seconds;
  if (said.transcripts.length === turns) end({ ...said, protocol: session.socket.protocol });
});
