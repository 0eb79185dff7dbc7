"""A long MP3 for `make bench`: the speech in a WAV file, as often as asked. Arguments: the WAV file, how often, the MP3 file."""

import sys

import av

speech, times, target = sys.argv[1], int(sys.argv[2]), sys.argv[3]
# Frames of MPEG audio stand for themselves: a file without tags and without an index may be put behind itself.
bare = {"write_xing": "0", "id3v2_version": "0", "write_id3v1": "0"}
with av.open(speech) as source, av.open(f"{target}.once", "w", format="mp3", options=bare) as sink:
    stream = sink.add_stream("libmp3lame", rate=16000, layout="mono", bit_rate=24000)
    for frame in source.decode(audio=0):
        sink.mux(stream.encode(frame))
    sink.mux(stream.encode(None))
with open(f"{target}.once", "rb") as once, open(target, "wb") as out:
    frames = once.read()
    for _ in range(times):
        out.write(frames)
