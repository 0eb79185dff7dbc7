//! Bars of block characters (U+2588 to U+258F), eight steps to a cell; of ASCII where that is wanted.

/// The left eighths of a cell: none, then one to seven of them.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar of `cells` cells for `most`: `dark` of it solid, the rest up to `all` light. What is more than
/// nothing is seen.
pub(crate) fn bar(dark: u64, all: u64, most: u64, cells: usize, ascii: bool) -> String {
    let dark = dark.min(all);
    if most == 0 || cells == 0 || all == 0 {
        return String::new();
    }
    let all_cells = steps(all, most, cells);
    let (solid, light) = if ascii { ("#", ".") } else { ("█", "░") };
    if dark == all && !ascii {
        let eighths = steps(all, most, cells * 8);
        return solid.repeat(eighths / 8) + EIGHTHS[eighths % 8];
    }
    // At least one cell is left to each part that there is, where there is room for both.
    let dark_cells = match dark {
        0 => 0,
        dark if dark == all => all_cells,
        dark => steps(dark, most, cells).min(all_cells.saturating_sub(1).max(1)),
    };
    solid.repeat(dark_cells) + &light.repeat(all_cells - dark_cells)
}

/// Steps of `of` that `part` of `most` takes, rounded; at least one, at most all.
fn steps(part: u64, most: u64, of: usize) -> usize {
    let (part, most, of_wide) = (u128::from(part), u128::from(most), of as u128);
    let rounded = (part * of_wide * 2 + most) / (most * 2);
    usize::try_from(rounded).unwrap_or(of).clamp(1, of.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_to_an_eighth_of_a_cell() {
        for (all, wanted) in [
            (0, ""),
            (1, "▏"),
            (4, "▌"),
            (8, "█"),
            (9, "█▏"),
            (15, "█▉"),
            (80, "██████████"),
            (81, "██████████"),
            (u64::MAX, "██████████"),
        ] {
            assert_eq!(bar(all, all, 80, 10, false), wanted, "{all}");
        }
        assert_eq!(bar(1, 1, u64::MAX, 10, false), "▏", "little is still seen");
    }

    #[test]
    fn what_was_not_served_is_light() {
        assert_eq!(bar(5, 10, 10, 10, false), "█████░░░░░");
        assert_eq!(bar(0, 10, 10, 4, false), "░░░░");
        assert_eq!(bar(999, 1_000, 1_000, 4, false), "███░");
        assert_eq!(bar(1, 1_000, 1_000, 4, false), "█░░░");
        assert_eq!(bar(1, 2, 1_000, 10, false), "█");
        assert_eq!(bar(7, 3, 3, 3, false), "███", "never more than all");
    }

    #[test]
    fn ascii_has_whole_cells_alone() {
        assert_eq!(bar(5, 10, 10, 10, true), "#####.....");
        assert_eq!(bar(1, 1, 1_000, 10, true), "#");
        assert!(bar(3, 7, 9, 40, true).is_ascii());
    }

    #[test]
    fn no_numbers_break_it() {
        for numbers in [
            (0, 0, 0),
            (1, 1, 0),
            (u64::MAX, u64::MAX, u64::MAX),
            (0, 1, 1),
        ] {
            let (dark, all, most) = numbers;
            for cells in [0, 1, 7] {
                for ascii in [true, false] {
                    assert!(bar(dark, all, most, cells, ascii).chars().count() <= cells);
                }
            }
        }
    }
}
