//! What hits decide.

use super::{Decision, Entry, Lists};
use stafett_control::form::blocklist::BlockList;

fn decide(lines: &[&str], hits: &[bool]) -> Decision {
    let entry = |line: &&str| Entry::new((*line).to_owned(), BlockList::parse(line).unwrap());
    Lists::of(lines.iter().map(entry).collect()).decide(hits)
}

fn refuse(permanent: bool, entries: &[usize]) -> Decision {
    Decision::Refuse { permanent, entries: entries.to_vec() }
}

#[test]
fn the_first_line_that_hits_decides() {
    let lines = ["-a.example", "+b.example", "c.example"];
    assert_eq!(decide(&lines, &[false, false, false]), Decision::Pass);
    assert_eq!(decide(&lines, &[true, true, true]), refuse(true, &[0]));
    assert_eq!(decide(&lines, &[false, true, true]), Decision::Accept(1));
    assert_eq!(decide(&lines, &[false, false, true]), refuse(false, &[2]));
}

#[test]
fn weights_add_up_to_the_threshold() {
    let lines = ["a.example=6", "-b.example=5", "good.example=-3", "-d.example=20", "+e.example"];
    assert_eq!(decide(&lines, &[true, false, false, false, false]), Decision::Pass);
    assert_eq!(decide(&lines, &[true, true, false, false, false]), refuse(false, &[0, 1]));
    assert_eq!(decide(&lines, &[true, true, true, false, false]), Decision::Pass);
    assert_eq!(decide(&lines, &[false, true, true, true, false]), refuse(true, &[1, 3]));
    assert_eq!(decide(&lines, &[false, false, false, true, true]), Decision::Accept(4));
}
