//! Lines of dnsbllist and rhsbllist: which lists are asked, and what a hit means.
//!
//! `zone`, `-zone` and `+zone` are the lines that qmail's admins know; `zone:text` brings its own text. `zone=n` is ours:
//! the hit adds n to a sum.
//! How it fails: a sentence that says what to write.

use super::host;

/// What the longest weight is, either way.
const HEAVIEST: i32 = 1000;

/// One list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockList {
    /// Its zone, in lower case.
    pub zone: String,
    /// What a hit means.
    pub hit: Hit,
    /// What the client hears; without it the TXT record of the list is asked for.
    pub text: Option<String>,
}

/// What a hit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// Accepted, whatever the lines below say.
    Accept,
    /// Refused.
    Refuse {
        /// For good, and not for now.
        permanent: bool,
    },
    /// Counted.
    Weigh {
        /// So much; below 0 it speaks for the client.
        weight: i32,
        /// For good, if everything that counts against the client is.
        permanent: bool,
    },
}

impl BlockList {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(line: &str) -> Result<BlockList, String> {
        let (sign, rest) = match line.split_at_checked(1) {
            Some((sign @ ("+" | "-"), rest)) => (sign, rest),
            _ => ("", line),
        };
        let (place, text) = rest.split_once(':').map_or((rest, None), |(place, text)| (place, Some(text.trim())));
        let (zone, weight) = place.split_once('=').map_or((place, None), |(zone, weight)| (zone, Some(weight)));
        // What looks like a zone may hold a character that nobody sees, or one sign too many.
        host(zone)
            .ok()
            .filter(|()| zone.is_ascii() && !zone.starts_with('-'))
            .ok_or_else(|| format!("\"{zone}\" is not the zone of a list; write zone, -zone, zone:text, zone=weight or +zone"))?;
        let permanent = sign == "-";
        let hit = match (sign, weight) {
            ("+", None) if text.is_none() => Hit::Accept,
            ("+", _) => return Err(format!("\"{line}\" is an allow list, which has neither weight nor text; write +{zone}")),
            (_, Some(weight)) => Hit::Weigh { weight: parse_weight(weight)?, permanent },
            (_, None) => Hit::Refuse { permanent },
        };
        let text = text.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(BlockList { zone: zone.to_lowercase(), hit, text })
    }
}

fn parse_weight(text: &str) -> Result<i32, String> {
    let fits = |weight: &i32| *weight != 0 && weight.abs() <= HEAVIEST;
    text.parse()
        .ok()
        .filter(fits)
        .ok_or_else(|| format!("\"{text}\" is not a weight; write a whole number from -1000 to 1000 that is not 0"))
}

/// Judges one line of dnsbllist or rhsbllist.
///
/// # Errors
/// As [`BlockList::parse`].
pub fn block_list(line: &str) -> Result<(), String> {
    BlockList::parse(line).map(drop)
}

#[cfg(test)]
#[path = "blocklist_test.rs"]
mod blocklist_test;
