//! Which heartbeats are taken: signed with the deployment's secret, of now, from a host that may be one.

use std::fmt;

use inference_api::heartbeat::{EVERY_MS, Heartbeat, PATH};
use inference_api::load::Load;
use inference_api::origin::{is_https, is_loopback, is_origin};
use inference_api::signature::{MAX_SKEW_SECONDS, Secret};

use crate::error::EdgeError;
use crate::ports::UnixMs;
use crate::statement::{self, refused};

/// Which hosts may register themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// None.
    Off,
    /// Those that are reached over TLS.
    On,
    /// Also those on this machine itself, over plain HTTP: for development.
    Development,
}

impl Registration {
    /// Whether any may.
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::Off)
    }

    /// Whether a host with this origin may.
    pub fn allows(self, origin: &str) -> bool {
        let is_safe = match self {
            Self::Off => false,
            Self::On => is_https(origin),
            Self::Development => is_https(origin) || is_loopback(origin),
        };
        is_safe && is_origin(origin) && !origin.bytes().any(|b| b.is_ascii_uppercase())
    }
}

impl fmt::Display for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Development => "development",
        })
    }
}

/// Checks a heartbeat: its signature, and itself as it stands in the header. What is left to the object that keeps the list: that no beat comes twice, and that
/// the list has room.
pub fn accept(
    registration: Registration,
    secrets: &[Secret],
    stated: (&str, &str),
    now: UnixMs,
) -> Result<Heartbeat, EdgeError> {
    let beat: Heartbeat = statement::read(secrets, PATH, stated, now)?;
    // A time far ahead would keep the host's own later beats out.
    if now.seconds().abs_diff(beat.at_ms / 1000) > MAX_SKEW_SECONDS {
        return Err(refused("the heartbeat is outside the accepted time"));
    }
    if !EVERY_MS.contains(&beat.every_ms) {
        return Err(refused("the heartbeat's period is out of bounds"));
    }
    if Load::parse(&beat.load).is_none() {
        return Err(refused("the heartbeat's load is malformed"));
    }
    if !registration.allows(&beat.url) {
        return Err(EdgeError::HostNotAllowed);
    }
    Ok(beat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use inference_api::statement::encode;

    const NOW: UnixMs = UnixMs(1_790_000_000_500);

    fn secrets() -> Vec<Secret> {
        let (new, old) = ("n".repeat(32), "o".repeat(32));
        Secret::parse_list(&format!("{new},{old}")).unwrap()
    }

    fn beat() -> Heartbeat {
        Heartbeat {
            url: "https://gpu-1.example".into(),
            at_ms: NOW.0,
            every_ms: 3_000,
            stops: false,
            load: "free=1".into(),
        }
    }

    fn judged(beat: &Heartbeat, signer: usize) -> Result<Heartbeat, EdgeError> {
        let encoded = encode(beat);
        let signature = secrets()[signer].sign("POST", PATH, &encoded, NOW.seconds());
        accept(Registration::On, &secrets(), (&signature, &encoded), NOW)
    }

    fn is_refused(result: &Result<Heartbeat, EdgeError>) -> bool {
        matches!(result, Err(EdgeError::InvalidSignature(_)))
    }

    #[test]
    fn a_beat_signed_with_either_secret_is_taken() {
        for signer in [0, 1] {
            assert_eq!(judged(&beat(), signer), Ok(beat()));
        }
    }

    #[test]
    fn what_is_forged_stale_or_made_for_another_purpose_is_refused() {
        let encoded = encode(&beat());
        let sign = |path: &str, at: u64| secrets()[0].sign("POST", path, &encoded, at);
        let accept = |signature: &str, encoded: &str| {
            accept(Registration::On, &secrets(), (signature, encoded), NOW)
        };
        let good = sign(PATH, NOW.seconds());
        assert!(accept(&good, &encoded).is_ok());
        let other = Heartbeat {
            url: "https://evil.example".into(),
            ..beat()
        };
        assert!(is_refused(&accept(&good, &encode(&other))));
        assert!(is_refused(&accept("", &encoded)));
        assert!(is_refused(&accept(
            &sign(PATH, NOW.seconds() - 61),
            &encoded
        )));
        let upload = sign("/v1/audio/transcriptions", NOW.seconds());
        assert!(is_refused(&accept(&upload, &encoded)));
        let stranger = Secret::new("x".repeat(32)).unwrap();
        let forged = stranger.sign("POST", PATH, &encoded, NOW.seconds());
        assert!(is_refused(&accept(&forged, &encoded)));
    }

    #[test]
    fn a_beat_out_of_its_bounds_is_refused_though_it_is_signed() {
        for wrong in [
            Heartbeat {
                at_ms: NOW.0 + 62_000,
                ..beat()
            },
            Heartbeat { at_ms: 0, ..beat() },
            Heartbeat {
                every_ms: 199,
                ..beat()
            },
            Heartbeat {
                every_ms: 60_001,
                ..beat()
            },
            Heartbeat {
                load: "free=-1".into(),
                ..beat()
            },
        ] {
            assert!(is_refused(&judged(&wrong, 0)), "{wrong:?}");
        }
        for url in [
            "http://gpu.example",
            "https://gpu.example/path",
            "https://GPU.example",
            "",
        ] {
            let wrong = Heartbeat {
                url: url.into(),
                ..beat()
            };
            assert_eq!(judged(&wrong, 0), Err(EdgeError::HostNotAllowed), "{url}");
        }
    }

    #[test]
    fn plain_http_is_for_development_on_this_machine() {
        for (origin, off, on, development) in [
            ("https://gpu.example", false, true, true),
            ("http://127.0.0.1:9000", false, false, true),
            ("http://10.0.0.1:9000", false, false, false),
        ] {
            assert_eq!(Registration::Off.allows(origin), off, "{origin}");
            assert_eq!(Registration::On.allows(origin), on, "{origin}");
            assert_eq!(
                Registration::Development.allows(origin),
                development,
                "{origin}"
            );
        }
    }
}
