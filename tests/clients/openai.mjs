// The official npm client, with nothing changed but what OPENAI_BASE_URL and OPENAI_API_KEY say.
//
// argv[2]: a JSON list of calls {"on":"transcriptions"|"translations", "file", …} or {"on":"models"};
// what else a call says goes to the client as it is; of one with "stream" all events are listed. Prints the list of results: {"ok":…} or {"error":…}.
import { createReadStream } from "node:fs";
import OpenAI from "openai";

const client = new OpenAI();

async function run({ on, file, ...rest }) {
  if (on === "models") return (await client.models.list()).data.map((model) => model.id);
  const answer = await client.audio[on].create({ file: createReadStream(file), model: "whisper-1", ...rest });
  if (!rest.stream) return answer;
  const events = [];
  for await (const event of answer) events.push(event);
  return events;
}

const results = [];
for (const call of JSON.parse(process.argv[2])) {
  try {
    results.push({ ok: await run(call) });
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    const { status, code, type, param, requestID: request_id } = error;
    const retry_after = error.headers?.get("retry-after") ?? null;
    results.push({ error: { class: error.constructor.name, status, code, type, param, request_id, retry_after } });
  }
}
console.log(JSON.stringify(results));
