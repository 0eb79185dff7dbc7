//! Names of models, as both halves understand them.

/// The name by which OpenAI's clients ask for Whisper: a host's default model.
pub const ALIAS_OF_DEFAULT: &str = "whisper-1";

/// Whether a text can be the name of a model: 1 to 64 letters, digits, dots, dashes, underscores.
pub fn is_model_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// `tiny.en-q8_0` without its `-q8_0`; a name that has none stays as it is.
pub fn without_quantization(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((base, suffix))
            if suffix.starts_with('q')
                && suffix.as_bytes().get(1).is_some_and(u8::is_ascii_digit) =>
        {
            base
        }
        _ => name,
    }
}
