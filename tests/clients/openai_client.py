"""The official Python client, with nothing changed but what OPENAI_BASE_URL and OPENAI_API_KEY say.

argv[1]: a JSON list of calls {"on": "transcriptions" | "translations", "file", ...} or {"on": "models"};
what else a call says goes to the client as it is. Prints the list of results: {"ok": ...} or {"error": ...}.
"""

import json
import sys

import openai

client = openai.OpenAI()


def run(on, file=None, **rest):
    if on == "models":
        return [model.id for model in client.models.list().data]
    with open(file, "rb") as audio:
        answer = getattr(client.audio, on).create(file=audio, model="whisper-1", **rest)
    return answer if isinstance(answer, str) else answer.model_dump()


results = []
for call in json.loads(sys.argv[1]):
    try:
        results.append({"ok": run(**call)})
    except openai.APIStatusError as error:
        results.append(
            {
                "error": {
                    "class": type(error).__name__,
                    "status": error.status_code,
                    "code": error.code,
                    "type": error.type,
                    "param": error.param,
                    "request_id": error.request_id,
                    "retry_after": error.response.headers.get("retry-after"),
                }
            }
        )
print(json.dumps(results))
