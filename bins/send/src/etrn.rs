//! What smtpd may ask for: that the mail of a domain be tried now (ETRN, RFC 1985).
//!
//! Security stance: a client of smtpd is behind it, whom control/etrn lets ask for this domain. Nothing else can be asked here,
//! and no mail goes anywhere but where it goes anyway. A domain is tried for once a minute, however often it is asked for;
//! callers are few, and have one question each.
//! How it fails: what is no question is answered as one that is refused.

use crate::goal::Goal;
use crate::mark::Mark;
use crate::scheduler::Scheduler;
use stafett_ask::{Answer, Verdict};
use stafett_wire::delivery::Kind;
use stafett_wire::netstring::all;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A domain is tried for once in this time.
const EACH: Duration = Duration::from_secs(60);
/// Domains that are remembered for that.
const MOST_DOMAINS: usize = 10_000;
/// A domain at most, with an @ in front, in bytes.
const LONGEST: usize = 256;

/// When which domain was asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked(HashMap<String, Instant>);

impl Asked {
    /// Whether a domain may be tried for now, which is noted then.
    fn may(&mut self, node: &str) -> Option<bool> {
        if self.0.len() >= MOST_DOMAINS {
            self.0.retain(|_, at| at.elapsed() < EACH);
        }
        if self.0.get(node).is_some_and(|at| at.elapsed() < EACH) {
            return Some(false);
        }
        if self.0.len() >= MOST_DOMAINS {
            return None;
        }
        self.0.insert(node.to_owned(), Instant::now());
        Some(true)
    }
}

impl Scheduler {
    /// Answers a question: `etrn`, the domain, the client's address for the log. The first field of the answer is the code of
    /// RFC 1985, the second the number of messages where that is known.
    pub fn etrn(&mut self, packet: &[u8]) -> Answer {
        let Some((node, client)) = parse(packet) else { return Answer::new(Verdict::Permanent, "not a question that can be asked here") };
        let may = if self.waking.is_full() { None } else { self.asked_for.may(&node) };
        match may {
            None => Answer::new(Verdict::Temporary, "too many domains are asked for"),
            Some(false) => Answer::new(Verdict::Ok, "it was asked for less than a minute ago").with("250"),
            Some(true) => {
                let (code, count) = self.try_for(&node);
                self.book.etrn(&node, &client, count);
                let answer = Answer::new(Verdict::Ok, "it is tried now").with(code);
                if let Some(count) = count { answer.with(count.to_string()) } else { answer }
            }
        }
    }

    /// The code of the reply, and how many messages wait where that is known.
    fn try_for(&mut self, node: &str) -> (&'static str, Option<usize>) {
        if let Some(domain) = node.strip_prefix('@') {
            self.waking.look_for(Goal::Below(domain.to_owned()));
            return ("250", None);
        }
        let destination = self.settings.destination(&format!("@{node}"), None);
        let mark = Mark::of(&destination);
        let at_hand = self.destinations.hurry_known(&destination);
        if destination.kind != Kind::Mx || destination.name != node {
            // Mail of other domains goes there too.
            self.waking.look_for(Goal::Domain(node.to_owned()));
            return ("250", None);
        }
        let on_disk = self.wake_of(mark);
        // The line is not gone through for each domain of somebody who asks for many.
        let is_all = on_disk.is_some() && self.reading.is_none() && !self.waiting.any(|record| record.mark().is_vague());
        if !is_all {
            self.waking.look_for(Goal::Domain(node.to_owned()));
        }
        match on_disk.map(|count| count + at_hand) {
            Some(0) if is_all => ("251", Some(0)),
            Some(count) if is_all => ("253", Some(count)),
            Some(0) | None => ("250", None),
            Some(_) => ("252", None),
        }
    }
}

fn parse(packet: &[u8]) -> Option<(String, String)> {
    let parts = all(packet, 3).ok()?;
    let [b"etrn", node, client] = &parts[..] else { return None };
    let text = |bytes: &[u8]| {
        std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LONGEST && !text.contains(char::is_control)).map(str::to_owned)
    };
    let node = text(node)?.to_lowercase();
    (!node.trim_start_matches('@').is_empty()).then_some((node, text(client)?))
}

#[cfg(test)]
mod tests {
    use super::{Asked, MOST_DOMAINS, parse};
    use stafett_wire::netstring::push;

    fn packet(fields: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        fields.iter().for_each(|field| push(&mut out, field.as_bytes()));
        out
    }

    #[test]
    fn a_domain_is_tried_for_once_and_domains_are_bounded() {
        let mut asked = Asked::default();
        assert_eq!((asked.may("a.example"), asked.may("a.example"), asked.may("@a.example")), (Some(true), Some(false), Some(true)));
        (0..MOST_DOMAINS).for_each(|number| assert_eq!(asked.may(&number.to_string()).is_some(), number + 2 < MOST_DOMAINS));
        assert_eq!((asked.may("b.example"), asked.0.len()), (None, MOST_DOMAINS));
    }

    #[test]
    fn nothing_but_this_question_is_understood() {
        assert_eq!(parse(&packet(&["etrn", "A.example", "192.0.2.1"])), Some(("a.example".into(), "192.0.2.1".into())));
        let long = "x".repeat(300);
        for bad in [
            &["flush", "a.example", ""][..],
            &["etrn", "a.example"],
            &["etrn", "", ""],
            &["etrn", "@", ""],
            &["etrn", &long, ""],
            &["etrn", "a\nb", ""],
        ] {
            assert_eq!(parse(&packet(bad)), None, "{bad:?}");
        }
        assert_eq!(parse(b"1:Q,5:flush,"), None);
        assert_eq!(parse(b"nonsense"), None);
    }
}
