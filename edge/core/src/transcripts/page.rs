//! The page behind a permanent link: for reading and printing. It loads nothing and runs nothing, and works in
//! every browser; only where the audio was kept there is a player, and a script by which the times seek in it. Whatever
//! people said or named is text here, never markup.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inference_api::language::Language;
use inference_api::transcript::Transcript;
use sha2::{Digest as _, Sha256};

use super::shown::Row;
use crate::civil;
use crate::error::EdgeError;
use crate::html::escape;

const STYLE: &str = include_str!("page.css");

/// What may be downloaded: the label, and the value of `format`.
const DOWNLOADS: [(&str, &str); 4] = [
    ("Text", "text"),
    ("Subtitles (SRT)", "srt"),
    ("Subtitles (WebVTT)", "vtt"),
    ("Everything (JSON)", "verbose_json"),
];

/// Length of the description, in characters.
const SUMMARY_CHARS: usize = 160;

/// Headers of the pages, a line each. The policy lets nothing in but the page's own style and, where it `plays`, the audio
/// and our script (CSP Level 3, Trusted Types); nobody frames it unless the link may be `embedded`; no search engine keeps
/// it, and no copy outlives the link.
pub fn headers(embedded: bool, plays: bool) -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let ancestors = if embedded { "*" } else { "'none'" };
    let player = if plays {
        "media-src 'self'; script-src 'self'; "
    } else {
        ""
    };
    format!(
        "cache-control: no-store\nx-robots-tag: noindex, nofollow\nx-content-type-options: nosniff\n\
         referrer-policy: no-referrer\ncontent-security-policy: default-src 'none'; style-src 'sha256-{hash}'; {player}\
         base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    )
}

/// The page of a transcript.
///
/// # Errors
/// What is kept can't be read.
pub fn page(row: &Row, token: &str) -> Result<String, EdgeError> {
    let transcript = row.transcript()?;
    let about = &row.about;
    let name = about.name.as_deref().map(visible).unwrap_or_default();
    let title = if name.is_empty() { "Transcript" } else { &name };
    let title = escape(title);
    let translated = about.task == "translate";
    let spoken = capitalized(transcript.language.name());
    let language = if translated {
        format!("translated from {spoken} into English")
    } else {
        format!("in {spoken}")
    };
    let written = if translated {
        Language::ENGLISH
    } else {
        transcript.language
    };
    let day = civil_day(about.created_at);
    let length = clock(transcript.duration);
    let mut body = format!(
        "<header>\n<h1><bdi>{title}</bdi></h1>\n<p class=\"about\">{length} of speech, {language}, written down on \
         <time datetime=\"{day}\">{day}</time> by {model}.</p>\n</header>\n\
         <nav aria-label=\"Downloads\">Download\n<ul>\n",
        model = escape(&about.model),
    );
    for (label, format) in DOWNLOADS {
        let _ = writeln!(
            body,
            "<li><a href=\"/t/{token}?format={format}\" download>{label}</a></li>"
        );
    }
    let audio = about.has_audio.then(|| format!("/t/{token}/audio"));
    if let Some(audio) = &audio {
        let _ = writeln!(body, "<li><a href=\"{audio}\" download>Audio</a></li>");
    }
    body += "</ul>\n</nav>\n";
    if let Some(audio) = &audio {
        let _ = writeln!(
            body,
            "<section aria-label=\"The recording\"><audio controls preload=\"metadata\" src=\"{audio}\"></audio></section>"
        );
    }
    let _ = writeln!(body, "<main lang=\"{}\">", written.code());
    body += &segments(&transcript, audio.as_deref());
    body += "</main>\n";
    let description = match summary(&transcript) {
        text if text.is_empty() => format!("{length} of speech, {language}."),
        text => text,
    };
    let mut head = preview(&title, &description);
    if audio.is_some() {
        head += "<script type=\"module\" src=\"/reader.js\"></script>\n";
    }
    Ok(document(&title, &head, &body))
}

/// The page where a link leads nowhere: it never did, or no longer does.
pub fn missing_page() -> String {
    let body = "<main>\n<h1>Nothing is here</h1>\n<p class=\"about\">This link was ended, has expired, or is \
                incomplete. Ask whoever gave it to you for another one.</p>\n</main>\n";
    document("Nothing is here", "", body)
}

/// What is shown of the page where the link is pasted (Open Graph), each in a line. `title` is escaped already.
fn preview(title: &str, description: &str) -> String {
    let description = escape(description);
    format!(
        "<meta name=\"description\" content=\"{description}\">\n\
         <meta property=\"og:type\" content=\"article\">\n\
         <meta property=\"og:title\" content=\"{title}\">\n\
         <meta property=\"og:description\" content=\"{description}\">\n"
    )
}

/// How the text begins: whole words, as long as the places where it is shown take it.
fn summary(transcript: &Transcript) -> String {
    let texts = transcript
        .segments
        .iter()
        .map(|segment| segment.text.as_str());
    let words = texts.flat_map(str::split_whitespace);
    let mut summary = String::new();
    let mut letters = 0;
    for word in words {
        let word = visible(word);
        let length = word.chars().count();
        if letters + length > SUMMARY_CHARS {
            // A script without spaces has one word that is longer than all of it.
            if summary.is_empty() {
                summary.extend(word.chars().take(SUMMARY_CHARS));
            }
            summary.push('…');
            break;
        }
        if !summary.is_empty() && length > 0 {
            summary.push(' ');
        }
        summary += &word;
        letters += length + 1;
    }
    summary
}

fn document(title: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex, nofollow\">\n<title>{title}</title>\n{head}\
         <style>{STYLE}</style>\n</head>\n<body>\n<div class=\"frame\">\n{body}</div>\n</body>\n</html>\n"
    )
}

/// The segments; their times point into the audio where that is to be had.
fn segments(transcript: &Transcript, audio: Option<&str>) -> String {
    if transcript.segments.is_empty() {
        return "<p class=\"empty\" lang=\"en\">Nothing is said in this recording.</p>\n"
            .to_owned();
    }
    let mut list = "<ol class=\"segments\">\n".to_owned();
    for segment in &transcript.segments {
        let start = format!("<time>{}</time>", clock(segment.start));
        let start = match audio {
            Some(audio) => format!("<a href=\"{audio}#t={:.2}\">{start}</a>", segment.start),
            None => start,
        };
        let text = escape(segment.text.trim());
        let _ = writeln!(list, "<li>{start}<p dir=\"auto\">{text}</p></li>");
    }
    list += "</ol>\n";
    list
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A name without what can't be seen: controls, and marks that turn the direction of what follows.
pub(super) fn visible(name: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    let name: String = name.chars().filter(|&c| !hidden(c)).collect();
    name.trim().to_owned()
}

/// `1:02:03`, or `2:03` below an hour.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a non-negative number of seconds; `as` saturates"
)]
fn clock(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// The day of a time in unix seconds, as ISO 8601 writes it.
fn civil_day(at: u64) -> String {
    let (year, month, day) = civil::date(at / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW, about, transcript};
    use super::*;
    use inference_api::render::canonical;

    const TOKEN: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";

    fn of(name: Option<&str>, text: &str) -> String {
        let mut transcript = transcript();
        transcript.segments[0].text = text.to_owned();
        let about = About {
            name: name.map(str::to_owned),
            ..about()
        };
        let row = Row {
            about,
            body: canonical(&transcript),
        };
        page(&row, TOKEN).unwrap()
    }

    use super::super::shown::About;

    #[test]
    fn the_page_says_what_was_said_when_and_where_to_get_it() {
        let page = of(Some("talk.flac"), " Hello.");
        for part in [
            "<title>talk.flac</title>",
            "<h1><bdi>talk.flac</bdi></h1>",
            "0:01 of speech, in English",
            "<main lang=\"en\">",
            "<li><time>0:00</time><p dir=\"auto\">Hello.</p></li>",
            "href=\"/t/abcdefghijklmnopqrstuvwxyzABCDEF?format=srt\"",
            "content=\"noindex, nofollow\"",
            "<meta property=\"og:title\" content=\"talk.flac\">",
            "<meta property=\"og:description\" content=\"Hello.",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(page.contains(&civil_day(NOW.seconds())));
        assert!(of(None, "Hello.").contains("<h1><bdi>Transcript</bdi></h1>"));
    }

    #[test]
    fn kept_audio_has_a_player_and_times_that_lead_into_it() {
        let row = |has_audio| Row {
            about: About {
                has_audio,
                ..about()
            },
            body: canonical(&transcript()),
        };
        let with = page(&row(true), TOKEN).unwrap();
        for part in [
            "src=\"/t/abcdefghijklmnopqrstuvwxyzABCDEF/audio\"",
            "<a href=\"/t/abcdefghijklmnopqrstuvwxyzABCDEF/audio#t=0.00\"><time>0:00</time></a>",
            "src=\"/reader.js\"",
        ] {
            assert!(with.contains(part), "{part}: {with}");
        }
        let without = page(&row(false), TOKEN).unwrap();
        assert!(!without.contains("/audio") && !without.contains("<script"));
        assert!(headers(false, true).contains("script-src 'self'"));
        for plays in [false, true] {
            assert!(headers(false, plays).contains("frame-ancestors 'none'"));
            assert!(headers(true, plays).contains("frame-ancestors *"));
        }
        assert!(!headers(true, false).contains("script-src"));
    }

    #[test]
    fn nothing_that_was_said_or_named_is_markup() {
        for evil in [
            "<script>alert(1)</script>",
            "\"><img src=x onerror=alert(1)>",
            "</title></style></main><svg onload=alert(1)>",
            "&lt;b&gt;",
        ] {
            let page = of(Some(evil), evil);
            assert_eq!(page.matches("<script").count(), 0, "{page}");
            assert_eq!(page.matches("<img").count(), 0, "{page}");
            assert_eq!(page.matches("<svg").count(), 0, "{page}");
            assert_eq!(page.matches("</main>").count(), 1, "{page}");
            assert!(page.contains(&escape(evil)), "{page}");
        }
        let turned = of(Some("a\u{202E}gpj.exe\n"), "Hello.");
        assert!(turned.contains("<title>agpj.exe</title>"));
        assert!(of(Some("\u{202E}"), "Hello.").contains("<title>Transcript</title>"));
    }

    #[test]
    fn a_description_is_how_the_text_begins() {
        let described = |text: &str| {
            let mut transcript = transcript();
            transcript.segments.truncate(1);
            transcript.segments[0].text = text.to_owned();
            summary(&transcript)
        };
        assert_eq!(described(" One  two.\n"), "One two.");
        assert_eq!(described("a\u{202E}b"), "ab");
        assert_eq!(described(" "), "");
        let long = described(&"word ".repeat(100));
        assert!(long.ends_with("word…") && long.chars().count() <= SUMMARY_CHARS + 1);
        let unspaced = described(&"語".repeat(1000));
        assert_eq!(unspaced.chars().count(), SUMMARY_CHARS + 1);
        assert_eq!(preview("a", "\"><b>").matches("<b>").count(), 0);
    }

    #[test]
    fn times_are_told_as_a_clock_does() {
        for (seconds, told) in [(0.0, "0:00"), (62.9, "1:02"), (3_723.0, "1:02:03")] {
            assert_eq!(clock(seconds), told);
        }
    }
}
