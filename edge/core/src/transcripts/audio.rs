//! Audio that is kept with a transcript (`keep_audio` of a job): where it stands, what kind it is, and which part of it
//! a player asks for.

use super::folder;

/// Where the audio of a transcript stands in the bucket: beside what else is kept of it.
pub fn audio_place(account: &str, id: &str) -> String {
    format!("{}{id}.audio", folder(account))
}

/// The media type of a file of this name. What the name does not tell is served as bytes, which no browser takes for
/// anything else.
pub fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "flac" => "audio/flac",
        "mp3" | "mpeg" | "mpga" => "audio/mpeg",
        "m4a" | "mp4" => "audio/mp4",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "webm" => "audio/webm",
        _ => "application/octet-stream",
    }
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Of the first byte, from 0.
    pub first: u64,
    /// At least 1.
    pub length: u64,
}

/// The part of a file of so many bytes that a `Range` asks for (RFC 9110, 14.2); `None`: all of it. A server is free to
/// ignore the header: so it is where it names several parts, none that there is, or makes no sense.
pub fn byte_range(header: &str, bytes: u64) -> Option<ByteRange> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let end = bytes.checked_sub(1)?;
    let (first, last) = match (first, last) {
        ("", suffix) => (bytes.saturating_sub(number(suffix)?), end),
        (first, "") => (number(first)?, end),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.min(end))
        }
    };
    (first <= end).then(|| ByteRange {
        first,
        length: last - first + 1,
    })
}

/// Headers of an answer with audio, a line each. Whatever the file is, nothing of it runs on this origin.
pub fn audio_headers(range: Option<ByteRange>, bytes: u64, disposition: &str) -> String {
    let content_range = range.map_or_else(String::new, |ByteRange { first, length }| {
        format!(
            "\ncontent-range: bytes {first}-{}/{bytes}",
            first + length - 1
        )
    });
    format!(
        "accept-ranges: bytes\ncache-control: no-store\nx-robots-tag: noindex, nofollow\nx-content-type-options: nosniff\n\
         referrer-policy: no-referrer\ncontent-security-policy: default-src 'none'; sandbox\n\
         content-disposition: {disposition}{content_range}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_part_that_there_is_or_all() {
        let part = |first, length| Some(ByteRange { first, length });
        for (header, range) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=0-9", part(0, 10)),
            ("bytes=2-", part(2, 8)),
            ("bytes=2-5", part(2, 4)),
            ("bytes=2-999", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-99", part(0, 10)),
            ("bytes=2-99999999999999999999999", part(2, 8)),
            ("bytes=10-", None),
            ("bytes=99999999999999999999999-", None),
            ("bytes=-0", None),
            ("bytes=5-2", None),
            ("bytes=-", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("bytes=1", None),
            ("items=0-1", None),
            ("", None),
        ] {
            assert_eq!(byte_range(header, 10), range, "{header}");
        }
        assert_eq!(byte_range("bytes=0-", 0), None);
    }

    #[test]
    fn a_name_tells_the_kind_of_audio_and_nothing_that_runs() {
        for (name, kind) in [
            ("talk.flac", "audio/flac"),
            ("TALK.MP3", "audio/mpeg"),
            ("a.b.wav", "audio/wav"),
            ("page.html", "application/octet-stream"),
            ("image.svg", "application/octet-stream"),
            ("wav", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name), kind, "{name}");
        }
        let headers = audio_headers(byte_range("bytes=-3", 10), 10, "inline");
        for part in ["sandbox", "nosniff", "content-range: bytes 7-9/10"] {
            assert!(headers.contains(part), "{headers}");
        }
        assert!(!audio_headers(None, 10, "inline").contains("content-range"));
    }
}
