//! Whisper model files: catalogue, verified download, import
