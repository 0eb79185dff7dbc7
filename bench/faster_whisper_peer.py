"""faster-whisper, for `make bench` to compare with: a JSON line {"file", "threads", "batch", "fitted"} in, {"text", "wall",
"cpu"} out.

With "fitted" it is what CTranslate2 would bring as a second backend of the service: the library alone, on pieces of at most
15 s cut where nobody speaks, with a window that is fitted to each of them.
"""

import json
import resource
import sys
import time

import ctranslate2
import numpy
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.vad import VadOptions, get_speech_timestamps

RATE = 16000
CUT = VadOptions(max_speech_duration_s=15, min_silence_duration_ms=300, speech_pad_ms=300)

models = {}


def model(threads):
    if threads not in models:
        models[threads] = WhisperModel(sys.argv[1], device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
    return models[threads]


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def pieces(audio):
    """Speech from pause to pause, as much of it together as 15 s hold; all of a short clip, and four seconds more."""
    if len(audio) <= 15 * RATE:
        return [numpy.pad(audio, (0, 4 * RATE))]
    joined = []
    for speech in get_speech_timestamps(audio, CUT):
        if joined and speech["end"] - joined[-1][0] <= 15 * RATE:
            joined[-1][1] = speech["end"]
        else:
            joined.append([speech["start"], speech["end"]])
    return [numpy.pad(audio[start:end], (0, RATE)) for start, end in joined]


def fitted(whisper, file):
    tokenizer = Tokenizer(whisper.hf_tokenizer, False)
    text = ""
    for piece in pieces(decode_audio(file, sampling_rate=RATE)):
        # Two frames of the spectrogram are one position.
        mel = whisper.feature_extractor(piece)[:, :3000]
        mel = numpy.ascontiguousarray(mel[None, :, : mel.shape[1] // 2 * 2])
        encoded = whisper.model.encode(ctranslate2.StorageView.from_array(mel))
        # It may run in a circle, and nothing stops it but a bound.
        tokens = whisper.model.generate(encoded, [tokenizer.sot_sequence], beam_size=1, max_length=8 * len(piece) // RATE)[0]
        text += tokenizer.decode(tokens.sequences_ids[0])
    return text


for line in sys.stdin:
    asked = json.loads(line)
    whisper = model(asked["threads"])
    wall, before = time.monotonic(), cpu()
    if asked["fitted"]:
        text = fitted(whisper, asked["file"])
    else:
        if asked["batch"]:
            segments, _ = BatchedInferencePipeline(whisper).transcribe(asked["file"], batch_size=asked["batch"], language="en", beam_size=1)
        else:
            segments, _ = whisper.transcribe(asked["file"], language="en", beam_size=1)
        text = "".join(segment.text for segment in segments)
    print(json.dumps({"text": text, "wall": time.monotonic() - wall, "cpu": cpu() - before}), flush=True)
