//! Which rows of a long list are drawn: those on the screen, and a few around them.

/// The rows to draw, and where the first of them stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First row drawn.
    pub first: usize,
    /// One past the last row drawn.
    pub end: usize,
}

/// Rows drawn above and below the screen, so that a quick thumb meets no empty place.
const MARGIN_ROWS: usize = 8;

/// The rows to draw of `count` rows, each `row_px` high, when the list is scrolled by `scrolled_px` in a box `box_px` high.
///
/// `first` moves in steps, so that scrolling by a few pixels changes nothing.
#[must_use]
pub fn window(count: usize, row_px: f64, scrolled_px: f64, box_px: f64) -> Window {
    if row_px <= 0.0 || count == 0 {
        return Window { first: 0, end: count.min(2 * MARGIN_ROWS) };
    }
    let visible = whole(box_px / row_px) + 2;
    // A list that became shorter than it is scrolled shows its end until the browser has scrolled back.
    let top = whole(scrolled_px / row_px).min(count.saturating_sub(visible - 2));
    let first = top.saturating_sub(MARGIN_ROWS) / 4 * 4;
    let end = (top + visible + MARGIN_ROWS).div_ceil(4) * 4;
    Window { first: first.min(count), end: end.min(count) }
}

/// A pixel count as a number of rows; a bounce above the list's top counts as its top.
fn whole(number: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a range that fits")]
    let whole = number.clamp(0.0, 1e6) as usize;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_on_the_screen_are_drawn_and_few_others() {
        for scrolled in [0.0, 1.0, 99.0, 100.0, 4_321.0, 119_400.0, 500_000.0, -40.0] {
            let drawn = window(1_200, 100.0, scrolled, 600.0);
            let top = whole(scrolled / 100.0).min(1_194);
            assert!(drawn.first <= top, "{scrolled}: {drawn:?}");
            assert!(drawn.end >= (top + 7).min(1_200), "{scrolled}: {drawn:?}");
            assert!(drawn.end - drawn.first <= 32, "{scrolled}: {drawn:?}");
        }
    }

    #[test]
    fn a_short_list_is_drawn_whole() {
        assert_eq!(window(5, 100.0, 0.0, 600.0), Window { first: 0, end: 5 });
        assert_eq!(window(0, 100.0, 0.0, 600.0), Window { first: 0, end: 0 });
    }

    #[test]
    fn a_few_pixels_change_nothing() {
        assert_eq!(window(1_200, 100.0, 5_010.0, 600.0), window(1_200, 100.0, 5_080.0, 600.0));
    }
}
