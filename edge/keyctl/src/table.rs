//! Tables for people: aligned columns, and nothing that could drive their terminal.

use unicode_width::UnicodeWidthStr as _;

const GAP: &str = "  ";

/// `text` without control characters: what a server sends must not move the cursor, colour the
/// screen or break a row.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || is_bidi_control(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// Marks that reorder the text around them (Unicode UAX #9, table 4): a name could hide behind them.
const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// A header and rows below it, each column as wide as its widest cell on a terminal.
pub(crate) fn columns<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = std::iter::once(header.map(str::to_owned))
        .chain(rows.iter().map(|row| row.each_ref().map(|c| printable(c))))
        .collect();
    let widths: [usize; N] =
        std::array::from_fn(|at| rows.iter().map(|row| row[at].width()).max().unwrap_or(0));
    rows.iter().map(|row| line(row, &widths)).collect()
}

/// Names and values in two columns.
pub(crate) fn details(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    rows.iter()
        .map(|(name, value)| line(&[printable(name), printable(value)], &[width, 0]))
        .collect()
}

/// `text` in at most so many columns; where it is longer, an ellipsis stands for the rest.
pub(crate) fn shortened(text: &str, columns: usize) -> String {
    let text = printable(text);
    if text.width() <= columns {
        return text;
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if short.width() >= columns {
            short.pop();
            break;
        }
    }
    short.push('…');
    short
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        let padding = width.saturating_sub(cell.width());
        line.extend(std::iter::repeat_n(' ', padding));
        line.push_str(GAP);
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 3]) -> [String; 3] {
        cells.map(str::to_owned)
    }

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let table = columns(
            ["ID", "NAME", "OWNER"],
            &[row(["key_1", "a", ""]), row(["k", "long name", "acme"])],
        );
        assert_eq!(
            table,
            "ID     NAME       OWNER\nkey_1  a\nk      long name  acme\n"
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let table = columns(["A", "B", "C"], &[row(["日本", "x", "y"])]);
        assert_eq!(table, "A     B  C\n日本  x  y\n");
    }

    #[test]
    fn a_hostile_name_neither_breaks_its_row_nor_drives_the_terminal() {
        let table = columns(
            ["A", "B", "C"],
            &[row(["x\n\x1b[2Jy", "a\u{202e}b", "\u{9b}c"])],
        );
        assert_eq!(table.lines().count(), 2);
        assert!(!table.contains(['\x1b', '\u{202e}', '\u{9b}']));
        assert_eq!(details(&[("a", "1\n2".to_owned())]).lines().count(), 1);
    }

    #[test]
    fn what_is_too_long_is_cut_by_columns() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("abcd", 3), "ab…");
        assert_eq!(shortened("日本語", 4), "日…");
        assert!(!shortened("a\x1b[2J", 80).contains('\x1b'));
    }

    #[test]
    fn details_align_their_values() {
        let rows = [("id", "key_1".to_owned()), ("status", "active".to_owned())];
        assert_eq!(details(&rows), "id      key_1\nstatus  active\n");
    }
}
