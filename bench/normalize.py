"""Normalizes English as Whisper's own evaluation does: a JSON string a line in, one a line out."""

import json
import sys

from whisper_normalizer.english import EnglishTextNormalizer

normalize = EnglishTextNormalizer()
for line in sys.stdin:
    print(json.dumps(normalize(json.loads(line))))
