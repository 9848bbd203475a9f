//! The DKIM-Signature field (RFC 6376 section 3.5).
//!
//! Security stance: each name of a field that is there stands once more in `h=` than there are such fields, and those that a
//! reader trusts most even where there is none: whoever adds one breaks the signature (RFC 6376 section 5.4.2, section 8.15).

use crate::content::Content;
use crate::fields::Field;
use crate::{Signer, canonical};

/// What is signed (RFC 6376 section 5.4.1), and whether it is where it is absent too.
const SIGNED: &[(&str, bool)] = &[
    ("From", true),
    ("To", true),
    ("Cc", true),
    ("Subject", true),
    ("Reply-To", true),
    ("Sender", false),
    ("Date", false),
    ("Message-ID", false),
    ("In-Reply-To", false),
    ("References", false),
    ("MIME-Version", false),
    ("Content-Type", false),
    ("Content-Transfer-Encoding", false),
    ("Content-Disposition", false),
    ("Auto-Submitted", false),
    ("Resent-From", false),
    ("Resent-Sender", false),
    ("Resent-To", false),
    ("Resent-Cc", false),
    ("Resent-Date", false),
    ("Resent-Message-ID", false),
    ("List-Id", false),
    ("List-Post", false),
    ("List-Help", false),
    ("List-Owner", false),
    ("List-Archive", false),
    ("List-Subscribe", false),
    ("List-Unsubscribe", false),
    ("List-Unsubscribe-Post", false),
];

/// How long a line of ours may be, in characters.
const WIDTH: usize = 72;

/// The lines of a DKIM-Signature for a message whose body was hashed.
///
/// # Errors
/// When the key cannot sign.
pub fn sign(content: &Content, by: &Signer<'_>) -> Result<Vec<String>, String> {
    let begin = format!("DKIM-Signature: v=1; a={}; c=relaxed/relaxed;", by.key.algorithm().signs());
    signed(content, by, begin, SIGNED)
}

/// The lines of a field that begins so and signs these fields.
pub(crate) fn signed(content: &Content, by: &Signer<'_>, begin: String, names: &[(&str, bool)]) -> Result<Vec<String>, String> {
    let (list, mut text) = chosen(&content.fields, names);
    let mut lines = vec![begin, format!("\td={}; s={}; t={};", by.domain, by.selector, by.time)];
    lines.extend(folded("h=", &list, ":"));
    lines.push(format!("\tbh={};", content.body_hash()?));
    conclude(lines, &mut text, by)
}

/// Ends a field with the signature of `text` and of the field itself.
pub(crate) fn conclude(mut lines: Vec<String>, text: &mut Vec<u8>, by: &Signer<'_>) -> Result<Vec<String>, String> {
    lines.push("\tb=".to_owned());
    let field = lines.join("\r\n");
    let (name, value) = field.split_once(':').ok_or("a field without a colon")?;
    let own = canonical::field(name.as_bytes(), value.as_bytes());
    // RFC 6376 section 3.7: its own line end is not signed
    text.extend_from_slice(own.strip_suffix(b"\r\n").unwrap_or(&own));
    let signature = by.key.sign(text)?;
    lines.pop();
    let pieces = (0..signature.len()).step_by(WIDTH - 2).filter_map(|from| signature.get(from..signature.len().min(from + WIDTH - 2)));
    lines.extend(pieces.enumerate().map(|(index, piece)| format!("\t{}{piece}", if index == 0 { "b=" } else { "" })));
    Ok(lines)
}

/// The names for `h=`, and the fields in the form and order in which they are signed.
fn chosen<'a>(fields: &[Field], names: &[(&'a str, bool)]) -> (Vec<&'a str>, Vec<u8>) {
    let (mut list, mut text) = (Vec::new(), Vec::new());
    for (name, always) in names {
        // RFC 6376 section 5.4.2: of several fields the lowest is signed first
        let before = list.len();
        for field in fields.iter().rev().filter(|field| field.is(name)) {
            text.extend(field.canonical());
            list.push(*name);
        }
        if *always || list.len() > before {
            list.push(*name);
        }
    }
    (list, text)
}

/// A tag whose value is a list, on as many lines as it needs.
fn folded(tag: &str, list: &[&str], between: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = format!("\t{tag}");
    for (index, item) in list.iter().enumerate() {
        let last = index + 1 == list.len();
        let item = format!("{item}{}", if last { ";" } else { between });
        if line.len() + item.len() > WIDTH {
            lines.push(std::mem::replace(&mut line, "\t".to_owned()));
        }
        line.push_str(&item);
    }
    lines.push(line);
    lines
}
