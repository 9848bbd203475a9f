use super::warn_of;
use stafett_alias_table::{Instruction, Source};
use stafett_local_users::Trouble;
use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

fn files() -> Vec<(PathBuf, Vec<Instruction>)> {
    let of = |text: &str| Source::parse(text, &|_| {}).unwrap().instructions;
    vec![("a".into(), of("x: u@v.test\ny: u@v.test\n")), ("b".into(), of("z: u@v.test\n"))]
}

#[test]
fn users_who_take_too_long_are_asked_for_no_more() {
    let asked = Cell::new(0);
    let ask = |_: &str| {
        asked.set(asked.get() + 1);
        Ok(None)
    };
    assert!(warn_of(&files(), Duration::ZERO, ask).is_err_and(|reason| reason.contains("seconds")));
    assert_eq!(asked.get(), 0);
    assert_eq!((warn_of(&files(), Duration::from_secs(600), ask), asked.get()), (Ok(()), 3));
}

#[test]
fn a_database_that_is_away_is_asked_once_for_all_files() {
    let asked = Cell::new(0);
    let away = |_: &str| {
        asked.set(asked.get() + 1);
        Err(Trouble { text: "it is away".to_owned(), is_general: true })
    };
    assert_eq!(warn_of(&files(), Duration::from_secs(600), away), Err("it is away".to_owned()));
    assert_eq!(asked.get(), 1);
}
