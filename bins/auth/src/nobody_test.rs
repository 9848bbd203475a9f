//! Nobody is like most.

use super::Nobody;
use crate::settings::Settings;
use stafett_control::Control;
use stafett_verifiers::{Scram, Verifier};

fn nobody(lines: &[String]) -> Nobody {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("me"), "relay.example\n").unwrap();
    std::fs::write(directory.path().join("accounts"), lines.concat()).unwrap();
    Settings::read(&Control::new(directory.path())).unwrap().nobody
}

fn scram(name: &str, salt: &[u8], rounds: u32) -> String {
    format!("{name}:{}:\n", Scram::with("x", salt.to_vec(), rounds.try_into().unwrap()))
}

fn argon(name: &str, memory: u32) -> String {
    format!("{name}:$argon2id$v=19$m={memory},t=1,p=1$c29tZXNhbHRzb21lc2FsdA$z8PUOL9AltsbdVFy5jA3qpgH0xqFNTlVPVDYA8jpwYE:\n")
}

#[test]
fn nobody_has_the_rounds_and_the_length_of_salt_of_most() {
    let seen = |nobody: Nobody| nobody.scram(&[7; 32], "nobody").cost();
    assert_eq!(seen(nobody(&[])), (100_000, 16));
    let many = [scram("a", &[1; 12], 4096), scram("b", &[1; 16], 4097), scram("c", &[2; 12], 4096), scram("d", &[3; 40], 4098)];
    assert_eq!(seen(nobody(&many)), (4096, 12));
    assert_eq!(seen(nobody(&many[3..])), (4098, 40), "longer than a hash");
    assert_eq!(seen(nobody(&many[1..])), seen(nobody(&[many[3].clone(), many[1].clone(), many[2].clone()])), "whatever the order");
}

#[test]
fn a_password_costs_what_most_cost() {
    let memory = |lines: &[String]| match nobody(lines).password {
        Some(Verifier::Argon2id(argon)) => argon.cost().0,
        Some(Verifier::Scram(scram)) => scram.cost().0,
        None => 0,
    };
    let lines = [argon("a", 64), argon("b", 128), scram("c", &[1; 16], 4096), argon("d", 128)];
    assert_eq!(memory(&lines), 128);
    assert_eq!(memory(&lines[2..3]), 4096);
    assert_eq!(memory(&["c::role=robot\n".to_owned()]), 0);
}
