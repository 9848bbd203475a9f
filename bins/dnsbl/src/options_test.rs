//! rblsmtpd's options, and the service.

use super::{Chain, Options};
use std::time::Duration;

fn read(line: &str) -> Result<Options, String> {
    Options::from(lexopt::Parser::from_args(line.split_whitespace()))
}

fn chain(line: &str) -> Chain {
    match read(line) {
        Ok(Options::Chain(chain)) => chain,
        other => unreachable!("{line}: {other:?}"),
    }
}

#[test]
fn options_end_at_the_program() {
    let found = chain("-b -t 7 -r bl.example -a wl.example -rx.example:no -c stafett-smtpd -q --resident");
    assert!(found.permanent && found.closed && found.within == Some(Duration::from_secs(7)));
    let rules: Vec<&str> = found.lists.iter().map(|entry| entry.rule.as_str()).collect();
    assert_eq!(rules, ["-r bl.example", "-a wl.example", "-r x.example"]);
    assert_eq!(found.lists.last().and_then(|entry| entry.text.as_deref()), Some("no"));
    assert_eq!(found.program, ["stafett-smtpd", "-q", "--resident"]);
    let found = chain("-bcBC smtpd");
    assert!(!found.permanent && !found.closed && found.lists.is_empty());
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert!(matches!(read("--resident"), Ok(Options::Resident)));
    for line in
        ["", "-b", "--resident smtpd", "-b --resident", "-r", "-r -x.example smtpd", "-a x.example:no smtpd", "-t 0 smtpd", "-x smtpd"]
    {
        assert!(read(line).is_err(), "{line}");
    }
}
