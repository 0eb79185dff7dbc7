//! Numbers as people read them.

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `850 ms`, `12.3 s`, `4 min`.
pub(crate) fn milliseconds(ms: u64) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        1_000..=99_999 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min", ms / 60_000),
    }
}

/// `12.5 s`, `4.2 min`, `31.0 h` of audio.
pub(crate) fn audio(seconds: f64) -> String {
    match seconds {
        s if s.is_nan() || s <= 0.0 => "-".to_owned(),
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3_600.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// `512 B`, `3.1 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1_024 {
        return format!("{count} B");
    }
    let exponent = (count.ilog2() / 10) as usize;
    let tenths = (u128::from(count) * 10) >> (10 * exponent);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[exponent - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
        for (count, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_572_864, "1.5 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_450, "1.4 s"),
            (180_000, "3 min"),
        ] {
            assert_eq!(milliseconds(ms), text);
        }
        for (seconds, text) in [
            (0.0, "-"),
            (f64::NAN, "-"),
            (-1.0, "-"),
            (12.54, "12.5 s"),
            (90.0, "1.5 min"),
            (9_000.0, "2.5 h"),
        ] {
            assert_eq!(audio(seconds), text);
        }
    }
}
