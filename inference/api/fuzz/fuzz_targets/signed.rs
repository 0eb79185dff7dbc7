//! What the edge signs, as a stranger may send it: a signature and claims that nobody made.
#![no_main]

use inference_api::claims::Claims;
use inference_api::signature::{MAX_SKEW_SECONDS, Secret, verify};
use libfuzzer_sys::fuzz_target;

const NOW: u64 = 1_790_000_000;
const PATH: &str = "/v1/audio/transcriptions";

fuzz_target!(|input: &str| {
    let (header, claims) = input.split_once('\n').unwrap_or((input, ""));
    let secrets = Secret::parse_list(&"s".repeat(32)).unwrap();
    // Nobody guesses a digest of 32 bytes: what passes is what the secret signs, and nothing like it.
    if verify(&secrets, header, "POST", PATH, claims, NOW).is_ok() {
        let seconds = header[2..].split(',').next().unwrap().parse().unwrap();
        assert!(NOW.abs_diff(seconds) <= MAX_SKEW_SECONDS);
        let genuine = secrets[0].sign("POST", PATH, claims, seconds);
        assert!(header.eq_ignore_ascii_case(&genuine));
    }
    let signed = secrets[0].sign("POST", PATH, claims, NOW);
    assert!(verify(&secrets, &signed, "POST", PATH, claims, NOW).is_ok());
    let longer = format!("{claims}x");
    assert!(verify(&secrets, &signed, "POST", PATH, &longer, NOW).is_err());

    let Ok(read) = Claims::decode(claims) else {
        return;
    };
    let again = Claims::decode(&read.encode());
    // A longer form of the same, in escapes, may be beyond the bound.
    if let Ok(mut again) = again {
        // The last digit of a fraction is not kept by JSON.
        if let (Some(a), Some(b)) = (again.max_audio_seconds, read.max_audio_seconds) {
            assert!((a - b).abs() <= b.abs() * 1e-12);
            again.max_audio_seconds = read.max_audio_seconds;
        }
        assert_eq!(again, read);
    }
});
