//! The texts that qmail-send gathers for a bounce: for each recipient that failed `<address>:`, what was said, an empty line.
//!
//! qmail-send lets no empty line stand inside a text (addbounce in qmail-send.c), so that an empty line ends one.
//! How it fails: `None` for a file that is not of this form. Known limits: in an address a line end has become `_`.

/// One recipient that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whom it was for, as the sender knows the address.
    pub address: Vec<u8>,
    /// What was said; its lines apart by `/`.
    pub text: String,
}

/// Reads the file.
pub fn parse(bytes: &[u8]) -> Option<Vec<Failure>> {
    let mut failures = Vec::new();
    let mut paragraph: Vec<&[u8]> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        match line.is_empty() {
            false => paragraph.push(line),
            true if paragraph.is_empty() => {}
            true => failures.push(failure(&std::mem::take(&mut paragraph))?),
        }
    }
    // A crash of the system may have torn the last one.
    if !paragraph.is_empty() {
        failures.push(failure(&paragraph)?);
    }
    Some(failures)
}

fn failure(lines: &[&[u8]]) -> Option<Failure> {
    let (first, rest) = lines.split_first()?;
    let address = first.strip_prefix(b"<")?.strip_suffix(b">:")?;
    let text = rest.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect::<Vec<_>>().join("/");
    Some(Failure { address: address.to_vec(), text })
}
