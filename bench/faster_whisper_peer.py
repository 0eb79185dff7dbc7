"""faster-whisper, for `make bench` to compare with: a JSON line {"file", "threads", "batch"} in, {"text", "wall", "cpu"} out."""

import json
import resource
import sys
import time

from faster_whisper import BatchedInferencePipeline, WhisperModel

models = {}


def model(threads):
    if threads not in models:
        models[threads] = WhisperModel(sys.argv[1], device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
    return models[threads]


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


for line in sys.stdin:
    asked = json.loads(line)
    whisper = model(asked["threads"])
    wall, before = time.monotonic(), cpu()
    if asked["batch"]:
        segments, _ = BatchedInferencePipeline(whisper).transcribe(asked["file"], batch_size=asked["batch"], language="en", beam_size=1)
    else:
        segments, _ = whisper.transcribe(asked["file"], language="en", beam_size=1)
    text = "".join(segment.text for segment in segments)
    print(json.dumps({"text": text, "wall": time.monotonic() - wall, "cpu": cpu() - before}), flush=True)
