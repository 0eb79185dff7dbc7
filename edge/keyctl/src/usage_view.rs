//! A report of usage as a drawing: one line for each hour or day, then the totals.

use unicode_width::UnicodeWidthStr;

use crate::bars::bar;
use crate::figures::{audio, bytes, grouped, milliseconds};
use crate::table::{columns, details, printable};
use crate::time_spec::utc;
use crate::wire::{Percentiles, UsagePart, UsageReport, UsageSum};

/// Hours or days of which the empty ones are shown too; of more, a drawing would be mostly empty.
const MAX_FILLED: u64 = 100;
/// Cells of a bar, however wide or narrow the terminal is.
const CELLS: std::ops::RangeInclusive<usize> = 8..=60;

/// What is drawn on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canvas {
    /// Its width.
    pub(crate) columns: usize,
    /// Whether it takes ASCII characters alone.
    pub(crate) ascii: bool,
}

/// Draws a report as it is at `now`, unix seconds.
pub(crate) fn draw(report: &UsageReport, now: u64, canvas: Canvas) -> String {
    let by_day = report.by == "day";
    let parts = filled(report, now, if by_day { 86_400 } else { 3_600 });
    let title = format!(
        "{} to {}, by {}\n",
        utc(report.from),
        utc(report.to),
        printable(&report.by)
    );
    if report.total.requests == 0 && report.data.is_empty() {
        return title + "nothing was used\n";
    }
    // What the cells of a bar stand for.
    let (solid, light) = if canvas.ascii {
        ('#', '.')
    } else {
        ('█', '░')
    };
    let chart = chart(&parts, &report.total, by_day, canvas);
    let outcomes = outcomes(&report.total);
    format!("{title}{solid} served  {light} not served\n\n{chart}\n{outcomes}")
}

/// The parts in order, with the empty ones between them where they are not too many. A report may end
/// in the future, of which there is nothing to draw.
fn filled(report: &UsageReport, now: u64, step: u64) -> Vec<UsagePart> {
    let mut parts = report.data.clone();
    parts.sort_by_key(|part| part.start);
    let first = report.from / step * step;
    let end = report.to.min(now.saturating_add(1));
    if end.saturating_sub(first).div_ceil(step) > MAX_FILLED {
        return parts;
    }
    let mut start = first;
    let mut empty = Vec::new();
    while start < end {
        if parts
            .binary_search_by_key(&start, |part| part.start)
            .is_err()
        {
            empty.push(UsagePart {
                start,
                sum: UsageSum::default(),
            });
        }
        start = start.saturating_add(step);
    }
    parts.extend(empty);
    parts.sort_by_key(|part| part.start);
    parts
}

fn served(sum: &UsageSum) -> u64 {
    sum.outcomes.get("served").copied().unwrap_or_default()
}

fn chart(parts: &[UsagePart], total: &UsageSum, by_day: bool, canvas: Canvas) -> String {
    let name = |start: u64| {
        // `2026-09-21 14:13:20 UTC`: the day, or the hour of it.
        let length = if by_day { 10 } else { 16 };
        utc(start).chars().take(length).collect::<String>()
    };
    let names = parts.iter().map(|part| name(part.start));
    let names: Vec<String> = names.chain(["total".to_owned()]).collect();
    let sums: Vec<&UsageSum> = parts.iter().map(|part| &part.sum).chain([total]).collect();

    let header = ["REQUESTS", "SERVED", "AUDIO", "P50", "P90", "P99"];
    let cells: Vec<[String; 6]> = sums.iter().map(|sum| numbers(sum)).collect();
    let widths: [usize; 6] = std::array::from_fn(|at| {
        let widest = cells.iter().map(|row| row[at].width()).max();
        widest.unwrap_or(0).max(header[at].width())
    });
    let widest_name = names.iter().map(|name| name.width()).max().unwrap_or(0);
    // Eight columns of text with two blanks between each.
    let taken = widest_name + widths.iter().sum::<usize>() + 7 * 2;
    let width = canvas
        .columns
        .saturating_sub(taken)
        .clamp(*CELLS.start(), *CELLS.end());

    let most = parts
        .iter()
        .map(|part| part.sum.requests)
        .max()
        .unwrap_or(0);
    let right = |text: &str, at: usize| {
        format!(
            "{}{text}",
            " ".repeat(widths[at].saturating_sub(text.width()))
        )
    };
    let rows: Vec<[String; 8]> = names
        .into_iter()
        .zip(sums.iter().zip(&cells))
        .enumerate()
        .map(|(at, (name, (sum, cells)))| {
            // The total is no bar among the others: it would dwarf them.
            let drawn = if at < parts.len() {
                bar(served(sum), sum.requests, most, width, canvas.ascii)
            } else {
                String::new()
            };
            std::array::from_fn(|column| match column {
                0 => name.clone(),
                1 => drawn.clone(),
                n => right(&cells[n - 2], n - 2),
            })
        })
        .collect();
    let header: [String; 8] = std::array::from_fn(|column| match column {
        0 => "UTC".to_owned(),
        1 => String::new(),
        n => right(header[n - 2], n - 2),
    });
    columns(header.each_ref().map(String::as_str), &rows)
}

fn numbers(sum: &UsageSum) -> [String; 6] {
    let latency = |of: fn(&Percentiles) -> u64| {
        let ms = sum.latency_ms.as_ref().map(of);
        ms.map_or_else(|| "-".to_owned(), milliseconds)
    };
    [
        grouped(sum.requests),
        grouped(served(sum)),
        audio(sum.audio_seconds),
        latency(|l| l.p50),
        latency(|l| l.p90),
        latency(|l| l.p99),
    ]
}

fn outcomes(total: &UsageSum) -> String {
    let mut by_count: Vec<(&String, &u64)> = total.outcomes.iter().collect();
    by_count.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let mut rows: Vec<(&str, String)> = by_count
        .into_iter()
        .map(|(name, count)| (name.as_str(), grouped(*count)))
        .collect();
    rows.push(("uploads", bytes(total.bytes)));
    details(&rows)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HOUR: u64 = 3_600;
    /// 2026-09-21 14:00 UTC.
    const START: u64 = 1_789_999_200;

    fn sum(requests: u64, served: u64) -> Value {
        json!({
            "requests": requests, "outcomes": {"served": served, "rate_limited": requests - served},
            "audio_seconds": 90.0, "bytes": 2_097_152, "latency_ms": {"p50": 90, "p90": 1_450, "p99": 180_000},
        })
    }

    fn report(parts: &[(u64, u64, u64)], hours: u64) -> UsageReport {
        let data: Vec<Value> = parts
            .iter()
            .map(|(hour, requests, served)| {
                let mut part = sum(*requests, *served);
                part["start"] = (START + hour * HOUR).into();
                part
            })
            .collect();
        let all: u64 = parts.iter().map(|part| part.1).sum();
        let good: u64 = parts.iter().map(|part| part.2).sum();
        serde_json::from_value(json!({
            "from": START, "to": START + hours * HOUR, "by": "hour",
            "data": data, "total": sum(all, good),
        }))
        .unwrap()
    }

    #[test]
    fn every_hour_is_drawn_and_the_totals_stand_below() {
        let report = report(&[(0, 1_000, 1_000), (2, 500, 250)], 4);
        let canvas = Canvas {
            columns: 100,
            ascii: true,
        };
        let text = draw(&report, START + 9_000 * HOUR, canvas);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "2026-09-21 14:00:00 UTC to 2026-09-21 18:00:00 UTC, by hour"
        );
        assert!(
            lines[3].starts_with("UTC ") && lines[3].ends_with("P99"),
            "{text}"
        );
        assert!(lines[4].starts_with("2026-09-21 14:00  ####"), "{text}");
        assert!(
            lines[4].ends_with("1,000   1,000  1.5 min  90 ms  1.4 s  3 min"),
            "{text}"
        );
        assert!(
            lines[5].starts_with("2026-09-21 15:00   "),
            "an empty hour: {text}"
        );
        assert!(lines[6].contains("##") && lines[6].contains(".."), "{text}");
        assert!(lines[8].starts_with("total  "), "{text}");
        assert!(text.contains("served        1,250\nrate_limited  250\nuploads       2.0 MiB\n"));
        assert!(text.is_ascii());
    }

    #[test]
    fn hours_that_are_still_to_come_are_not_drawn() {
        let report = report(&[(0, 1, 1)], 4);
        let canvas = Canvas {
            columns: 80,
            ascii: true,
        };
        let hours = |now| {
            let text = draw(&report, now, canvas);
            text.lines()
                .filter(|line| line.starts_with("2026-09-21 1"))
                .count()
                - 1
        };
        assert_eq!(hours(START), 1);
        assert_eq!(hours(START + HOUR - 1), 1);
        assert_eq!(hours(START + HOUR), 2);
        assert_eq!(hours(START + 9 * HOUR), 4);
        // A clock that is behind hides nothing that was used.
        assert_eq!(hours(START - HOUR), 1);
    }

    #[test]
    fn a_drawing_is_as_wide_as_the_terminal_and_no_wider() {
        let report = report(&[(0, 12_345, 12_345), (1, 1, 0)], 2);
        for width in [80, 100, 120] {
            let canvas = Canvas {
                columns: width,
                ascii: false,
            };
            let text = draw(&report, START + 9_000 * HOUR, canvas);
            let widest = text.lines().map(UnicodeWidthStr::width).max().unwrap();
            assert!(
                widest <= width && widest + 3 > width,
                "{width}: {widest}\n{text}"
            );
            assert!(text.contains('█') && text.contains('░'), "{text}");
        }
    }

    #[test]
    fn a_long_time_shows_only_what_was_used_and_an_empty_one_says_so() {
        let canvas = Canvas {
            columns: 80,
            ascii: true,
        };
        let mut long = report(&[(0, 1, 1), (5_000, 1, 1)], 8_000);
        assert_eq!(draw(&long, u64::MAX, canvas).lines().count(), 11);
        long.to = u64::MAX;
        assert_eq!(draw(&long, u64::MAX, canvas).lines().count(), 11);
        let empty = report(&[], 4);
        assert!(draw(&empty, START, canvas).contains("nothing was used"));
    }

    #[test]
    fn hostile_names_of_outcomes_do_not_drive_the_terminal() {
        let mut report = report(&[(0, 1, 1)], 1);
        report.by = "hour\x1b[2J".to_owned();
        report.total.outcomes.insert("\x1b[31m".to_owned(), 1);
        let canvas = Canvas {
            columns: 80,
            ascii: false,
        };
        assert!(!draw(&report, START + 9_000 * HOUR, canvas).contains('\x1b'));
    }
}
