//! The rules of whisper-edge: keys, verdicts, limits, errors. No I/O, no clock
