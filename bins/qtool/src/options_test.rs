use super::{Action, Options, parse};
use lexopt::Parser;
use stafett_queue_store::{Id, Place};
use stafett_survey::State;
use stafett_wire::question::Verb;
use std::path::PathBuf;

const ID: &str = "1763758000123456";

fn read(words: &[&str]) -> Result<Options, String> {
    parse(Parser::from_args(words.iter().copied())).map_err(|error| error.to_string())
}

#[test]
fn a_directory_may_stand_before_the_verb() {
    let options = read(&["relay", "hold", ID]).unwrap();
    assert_eq!((options.directory, options.action), (Some(PathBuf::from("relay")), Action::Ask(Verb::Hold)));
    assert_eq!(options.selection.ids, [Id(1_763_758_000_123_456)].into());
    let options = read(&["hold", "queue/cur/40/1763758000123456,S=3"]).unwrap();
    assert_eq!((options.directory, options.selection.ids.len()), (None, 1));
    assert_eq!(read(&["./hold", "release", ID]).unwrap().directory, Some(PathBuf::from("./hold")));
}

#[test]
fn nothing_is_done_to_everything_by_a_slip() {
    for wrong in [
        &["hold"][..],
        &["delete", "--all", ID],
        &["delete", "--all", "--older", "1d"],
        &[],
        &["relay"],
        &["relay", "why", ID],
        &["hold", "relay", ID],
        &["route", ID],
        &["route", "relay.example"],
        &["route", "no such:relay:host", ID],
        &["route", "relay|user|word", ID],
        &["flush", "--older", "1d"],
        &["hold", "--envelope", ID],
        &["delete", "--state", "damaged"],
        &["hold", "--older", "-1d"],
        &["hold", "-z", ID],
        &["hold", "1763758000123456x"],
    ] {
        assert!(read(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn each_verb_looks_at_the_states_where_it_does_something() {
    let wants = |words: &[&str], place| read(words).unwrap().selection.filter.wants(State::In(place));
    assert!(wants(&["release", "--all"], Place::Held) && !wants(&["release", "--all"], Place::Waiting));
    assert!(!wants(&["hold", "--from", "x"], Place::Held) && wants(&["hold", "--from", "x"], Place::New));
    assert!(wants(&["delete", "--from", "x"], Place::Held));
    assert!(wants(&["hold", ID], Place::Held));
    assert!(wants(&["retry", "--state", "held"], Place::Held));
}

#[test]
fn a_flush_names_destinations_or_everything() {
    assert_eq!(read(&["flush"]).unwrap().action, Action::Flush(Vec::new()));
    let options = read(&["dir", "flush", "example.net", "relay.example:25"]).unwrap();
    assert_eq!(options.action, Action::Flush(vec!["example.net".into(), "relay.example:25".into()]));
    assert!(options.selection.filter.needs_content());
}
