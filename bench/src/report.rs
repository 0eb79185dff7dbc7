//! The figures, as a table for people (Markdown, so that it can go into the README) and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::error::Error;
use crate::stats::Spread;

/// One measured figure. Less is better in all of them.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// The most it may be; `None` where it is only shown.
    pub(crate) target: Option<f64>,
    /// The median.
    pub(crate) value: f64,
    /// The least and the most, where it was measured several times.
    pub(crate) range: Option<(f64, f64)>,
    /// `""` for a ratio.
    pub(crate) unit: &'static str,
}

impl Figure {
    /// Of several measurements.
    pub(crate) fn spread(
        name: impl Into<String>,
        spread: Spread,
        unit: &'static str,
        target: Option<f64>,
    ) -> Self {
        Self {
            name: name.into(),
            target,
            value: spread.median,
            range: Some((spread.min, spread.max)),
            unit,
        }
    }

    /// Of one measurement.
    pub(crate) fn once(
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        target: Option<f64>,
    ) -> Self {
        Self {
            name: name.into(),
            target,
            value,
            range: None,
            unit,
        }
    }

    fn verdict(&self) -> &'static str {
        match self.target {
            None => "",
            // A figure that is no number is not within its target.
            Some(target) if self.value <= target => "ok",
            Some(_) => "over",
        }
    }
}

/// What stands behind some figures: one row a thing measured.
#[derive(Debug, Serialize)]
pub(crate) struct Detail {
    /// Its heading.
    pub(crate) title: String,
    /// Names of the columns.
    pub(crate) columns: Vec<&'static str>,
    /// Its cells.
    pub(crate) rows: Vec<Vec<String>>,
}

/// Everything one run measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The machine and the time.
    pub(crate) machine: String,
    /// The command that measures this again.
    pub(crate) command: String,
    /// The figures.
    pub(crate) figures: Vec<Figure>,
    /// What stands behind them.
    pub(crate) details: Vec<Detail>,
    /// What a reader must know to judge them.
    pub(crate) notes: Vec<String>,
    /// Parts that came to no end.
    pub(crate) failed: Vec<&'static str>,
}

/// What one part of the bench measured.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// See [`Report`].
    pub(crate) figures: Vec<Figure>,
    /// See [`Report`].
    pub(crate) details: Vec<Detail>,
    /// See [`Report`].
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// Of a run of `command` on `machine`, still without figures.
    pub(crate) fn new(machine: String, command: String) -> Self {
        Self {
            machine,
            command,
            figures: Vec::new(),
            details: Vec::new(),
            notes: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Adds what a part measured; one that failed costs none of the others their figures.
    pub(crate) fn add(&mut self, name: &'static str, part: Result<Part, Error>) {
        let part = match part {
            Ok(part) => part,
            Err(error) => {
                eprintln!("error: {name}: {error}");
                self.failed.push(name);
                return;
            }
        };
        self.figures.extend(part.figures);
        self.details.extend(part.details);
        self.notes.extend(part.notes);
    }

    /// The tables.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("`{}` on {}\n\n", self.command, self.machine);
        let rows: Vec<Vec<String>> = self.figures.iter().map(row).collect();
        push_table(
            &mut text,
            &["figure", "target", "measured", "min–max", ""],
            &rows,
        );
        for detail in &self.details {
            let _ = writeln!(text, "\n{}\n", detail.title);
            push_table(&mut text, &detail.columns, &detail.rows);
        }
        for note in &self.notes {
            let _ = writeln!(text, "\n{note}");
        }
        text
    }
}

fn row(figure: &Figure) -> Vec<String> {
    let unit = if figure.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", figure.unit)
    };
    vec![
        figure.name.clone(),
        figure
            .target
            .map_or_else(String::new, |target| format!("≤ {target}{unit}")),
        format!("{}{unit}", number(figure.value)),
        figure.range.map_or_else(String::new, |(min, max)| {
            format!("{}–{}", number(min), number(max))
        }),
        figure.verdict().to_owned(),
    ]
}

/// Three significant digits are more than the machine gives.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn push_table(text: &mut String, columns: &[&str], rows: &[Vec<String>]) {
    let width = |place: usize| {
        let cells = rows.iter().filter_map(|row| row.get(place));
        cells
            .map(|cell| cell.chars().count())
            .chain([columns[place].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut push = |cells: &mut dyn Iterator<Item = &str>| {
        for (cell, width) in cells.zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
    };
    push(&mut columns.iter().copied());
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    push(&mut rules.iter().map(String::as_str));
    for row in rows {
        push(&mut row.iter().map(String::as_str));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_no_number_is_not_within_its_target() {
        let figure = |value| Figure {
            name: "x".to_owned(),
            target: Some(1.0),
            value,
            range: None,
            unit: "",
        };
        assert_eq!(figure(1.0).verdict(), "ok");
        assert_eq!(figure(1.01).verdict(), "over");
        assert_eq!(figure(f64::NAN).verdict(), "over");
    }

    #[test]
    fn a_part_that_failed_costs_no_other_its_figures() {
        let mut report = Report::new("a machine".to_owned(), "make bench".to_owned());
        let part = Part {
            figures: vec![Figure::once("speed", 1.0, "", None)],
            ..Part::default()
        };
        report.add("first", Ok(part));
        report.add("second", Err(Error::Unexpected("broken".to_owned())));
        assert!(report.to_text().contains("speed"));
        assert_eq!(report.failed, ["second"]);
    }
}
