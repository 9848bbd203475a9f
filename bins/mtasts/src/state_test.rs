//! Whose turn it is.

use super::*;

fn kept(fetched: Seconds) -> Kept {
    let policy = Policy::parse(b"version: STSv1\nmode: enforce\nmx: mx.example\nmax_age: 86400\n").unwrap();
    Kept::new("1".to_owned(), policy, fetched, 1)
}

fn state(known: &[&str]) -> State {
    let known = known.iter().map(|domain| ((*domain).to_owned(), kept(clock()))).collect();
    let log = Log::new("test");
    State::new(log, Memory::remembered(known), Disk::new(log, std::path::Path::new("/nonexistent")))
}

fn turns(state: &mut State) -> Vec<String> {
    std::iter::from_fn(|| state.next()).map(|(domain, _)| domain).collect()
}

#[test]
fn policies_at_hand_are_not_ahead_of_new_domains_and_not_forgotten() {
    let mut state = state(&["a", "b", "c"]);
    for domain in ["a", "b", "c", "1", "2", "3", "4", "5"] {
        assert!(state.look_after(domain));
    }
    assert_eq!(state.in_line(), 8);
    assert_eq!(turns(&mut state), ["1", "2", "3", "a", "4", "5", "b", "c"]);
}

#[test]
fn what_expires_in_line_is_new() {
    let mut state = state(&["a", "b"]);
    for domain in ["a", "b", "1"] {
        state.look_after(domain);
    }
    state.memory.forget("b");
    state.look_after("b");
    assert_eq!(turns(&mut state), ["1", "b", "a"]);
}
