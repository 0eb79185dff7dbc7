//! Credits as an administrator writes them: `1000`, or with a refill `1000+500/month`.

use edge_core::credits::{Credits, Refill};

use crate::limit_spec::{parse_period, period_name};
use crate::time_spec::parse_digits;

/// Why a text is no credits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CreditsSpecError {
    #[error("write N, or N+N/PERIOD with a refill: 1000, or 1000+500/month (day, week, month)")]
    Form,
    #[error("credits are at most 1000000000, and a refill at least 1")]
    Range,
}

/// Reads credits. Their bounds are those of the edge itself.
pub(crate) fn parse_credits(text: &str) -> Result<Credits, CreditsSpecError> {
    let (balance, refill) = match text.split_once('+') {
        None => (text, None),
        Some((balance, refill)) => (balance, Some(read_refill(refill)?)),
    };
    let credits = Credits {
        balance: parse_digits(balance).ok_or(CreditsSpecError::Form)?,
        refill,
    };
    credits
        .in_range()
        .then_some(credits)
        .ok_or(CreditsSpecError::Range)
}

fn read_refill(text: &str) -> Result<Refill, CreditsSpecError> {
    let parsed = text.split_once('/').and_then(|(amount, period)| {
        Some(Refill {
            amount: parse_digits(amount)?,
            period: parse_period(period)?,
        })
    });
    parsed.ok_or(CreditsSpecError::Form)
}

/// Credits as [`parse_credits`] reads them.
pub(crate) fn spec(credits: &Credits) -> String {
    let Credits { balance, refill } = credits;
    match refill {
        None => balance.to_string(),
        Some(Refill { amount, period }) => format!("{balance}+{amount}/{}", period_name(*period)),
    }
}

#[cfg(test)]
mod tests {
    use edge_core::limit::Period;

    use super::*;

    #[test]
    fn credits_are_read_as_they_are_shown() {
        for (text, balance, refill) in [
            ("0", 0, None),
            ("1000", 1_000, None),
            ("1000+500/month", 1_000, Some((500, Period::Month))),
            ("0+1/day", 0, Some((1, Period::Day))),
            ("7+7/week", 7, Some((7, Period::Week))),
        ] {
            let refill = refill.map(|(amount, period)| Refill { amount, period });
            let credits = Credits { balance, refill };
            assert_eq!(parse_credits(text), Ok(credits));
            assert_eq!(spec(&credits), text);
        }
    }

    #[test]
    fn anything_else_is_answered_with_the_right_form_or_the_bounds() {
        for text in [
            "",
            "+",
            "-1",
            "1k",
            "1+",
            "1+1",
            "1+1/year",
            "1+1/",
            "1+/day",
            "1+1+1/day",
            "1 +1/day",
        ] {
            assert_eq!(parse_credits(text), Err(CreditsSpecError::Form), "{text:?}");
        }
        for text in ["1000000001", "1+0/day", "1+1000000001/day"] {
            assert_eq!(parse_credits(text), Err(CreditsSpecError::Range), "{text}");
        }
    }
}
