//! Findings that point at a line of a control file.

use stafett_control::{Control, Error, Excerpt, Item, Setting};
use stafett_site::{Finding, Weight};
use std::fmt::Display;

/// A fault that the reader of the file found. What it says behind `; ` is what to do.
pub fn at_fault(control: &Control, error: &Error) -> Finding {
    let (text, remedy) = error.reason.split_once("; ").map_or((error.reason.as_str(), None), |(text, remedy)| (text, Some(remedy)));
    let finding = Finding::error(&error.file, text).at(error.line).showing(control.excerpt(error));
    match remedy {
        Some(remedy) => finding.remedy(remedy),
        None => finding,
    }
}

/// Something about `part` of a line of the file of `row`.
pub fn at_line<T>(weight: Weight, control: &Control, row: &Setting, item: &Item<T>, part: &str, text: impl Display) -> Finding {
    let line = control.nth_line(row.name, item.line).unwrap_or_default();
    let excerpt = Excerpt::of(&String::from_utf8_lossy(&line), part);
    at_file(weight, row, text).at(item.line).showing(Some(excerpt))
}

/// Something about the first line of the file of `row`, or about what counts when there is none.
pub fn at_value(weight: Weight, control: &Control, row: &Setting, text: impl Display) -> Finding {
    let finding = at_file(weight, row, text);
    match control.nth_line(row.name, 1) {
        Some(line) => finding.at(1).showing(Some(Excerpt::of(&String::from_utf8_lossy(&line), ""))),
        None => finding,
    }
}

/// Something about the file of `row` as a whole.
pub fn at_file(weight: Weight, row: &Setting, text: impl Display) -> Finding {
    let place = format!("control/{}", row.name);
    match weight {
        Weight::Error => Finding::error(place, text),
        Weight::Warning => Finding::warning(place, text),
        Weight::Note => Finding::note(place, text),
    }
}
