//! The known name that was probably meant.

use crate::rows;

/// The control file whose name is nearest to `name`, if it is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    let (steps, known) = rows::TABLE.iter().map(|row| (distance(name, row.name), row.name)).min()?;
    (steps <= 3 && steps < known.len()).then_some(known)
}

/// How many letters must be put in, left out or changed to make one word of the other
/// (Levenshtein), one row of the table at a time.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        for (column, pair) in row.windows(2).enumerate() {
            let &[corner, above] = pair else { continue };
            let left = next.last().copied().unwrap_or_default();
            let changed = corner + usize::from(other.get(column) != Some(&letter));
            next.push(changed.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
#[path = "nearest_test.rs"]
mod nearest_test;
