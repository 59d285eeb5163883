//! Plain text for people: aligned columns.

/// Rows as aligned columns, two spaces between; `right` names the columns that are set flush right. The first row is the heading.
#[must_use]
pub fn table<const N: usize>(rows: &[[String; N]], right: &[usize]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if column > 0 {
                line.push_str("  ");
            }
            let gap = " ".repeat(width - cell.chars().count());
            if right.contains(&column) {
                line.push_str(&gap);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&gap);
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// At most `most` characters, the last an ellipsis if some were cut.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_headings_in_any_script() {
        let rows = [["имя", "sum"], ["«Берёзка»", "5"], ["x", "1234"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows, &[1]), "имя         sum\n«Берёзка»     5\nx          1234\n");
        assert_eq!(shortened("Берёзка", 5), "Берё…");
        assert_eq!(shortened("Берёзка", 7), "Берёзка");
    }
}
