//! The reason of a deferral or failure without what differs from one delivery to the next, so that
//! equal reasons can be counted together.
//!
//! `127.0.0.1_does_not_like_recipient._Remote_host_said:_451_4.7.1_<a@b>:_Greylisted_for_300_s` is
//! `451 4.7.1 <ADDRESS>: Greylisted for N s`: what the other host said counts from its reply code;
//! our own words count with their code, as `4.4.1 Sorry, I wasn't able to establish ...`.

/// Bytes of a reason at most.
const LONGEST: usize = 120;

/// The reason that the text of a delivery gives; `text` is as in the log, with `_` for blanks.
pub fn of(text: &str) -> String {
    let (own, said) = match text.split_once("Remote_host_said:_") {
        Some((_, said)) => (None, said),
        None => own_code(text),
    };
    let mut reason = own.filter(|code| !code.is_empty()).map(|code| format!("{code} ")).unwrap_or_default();
    // The code of the reply stays as it is.
    let mut is_code = own.is_none();
    for word in said.split(['_', ' ']).filter(|word| !word.is_empty()) {
        is_code = is_code && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
        let plain = if is_code { word.to_owned() } else { plain(word) };
        if reason.len() + plain.len() > LONGEST {
            reason.push_str("...");
            break;
        }
        reason.push_str(&plain);
        reason.push(' ');
    }
    reason.trim_end().to_owned()
}

/// `(#4.4.1)` at the end of our own words, and the words without it.
fn own_code(text: &str) -> (Option<&str>, &str) {
    let Some((words, rest)) = text.rsplit_once("(#") else {
        return (Some(""), text);
    };
    match rest.split_once(')') {
        Some((code, _)) if code.len() < 12 => (Some(code), words),
        _ => (Some(""), text),
    }
}

/// A word with its address, host, number or id replaced.
fn plain(word: &str) -> String {
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    let Some((before, after)) = (!inner.is_empty()).then(|| word.split_once(inner)).flatten() else {
        return word.to_owned();
    };
    let kind = if inner.contains("://") {
        "URL"
    } else if inner.contains('@') {
        "ADDRESS"
    } else if is_ip(inner) {
        "IP"
    } else if is_host(inner) {
        "HOST"
    } else if is_id(inner) {
        "ID"
    } else {
        return format!("{before}{}{after}", without_numbers(inner));
    };
    format!("{before}{kind}{after}")
}

fn is_ip(word: &str) -> bool {
    word.parse::<std::net::IpAddr>().is_ok() || word.parse::<std::net::SocketAddr>().is_ok()
}

/// A name with a dot between letters, as sentences do not have it.
fn is_host(word: &str) -> bool {
    let labels = || word.split('.');
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 128);
    labels().count() > 1
        && labels().all(is_label)
        && labels().next_back().is_some_and(|last| last.len() > 1 && last.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// Letters and digits mixed, as queue ids are.
fn is_id(word: &str) -> bool {
    let has_both = word.bytes().any(|byte| byte.is_ascii_digit()) && word.bytes().any(|byte| byte.is_ascii_alphabetic());
    has_both && word.len() >= 8
}

/// Each row of digits as one `N`.
fn without_numbers(word: &str) -> String {
    let mut plain = String::new();
    let mut in_number = false;
    for character in word.chars() {
        let is_digit = character.is_ascii_digit();
        if !is_digit {
            plain.push(character);
        } else if !in_number {
            plain.push('N');
        }
        in_number = is_digit;
    }
    plain
}

#[cfg(test)]
#[path = "reason_test.rs"]
mod tests;
