//! What is held against the password or proof of an account that does not exist, or that has nothing of the kind.
//!
//! What it does: nobody's verifiers look and cost like most of those in control/accounts: the same rounds, memory and length of
//! salt. The salt of a name is always the same.
//!
//! Security stance: no password and no proof fits. Known limits: an account whose verifier is unlike most, such as one of SCRAM
//! alone among those of argon2id, takes another time for a wrong password; smtpd makes all wrong ones wait for the
//! same time (control/authdelay), which hides it. Whoever asks again after an account was made sees its salt change.

use crate::settings::Listed;
use stafett_verifiers::{Argon2id, Key, Scram, Verifier, Workplace};
use std::collections::HashMap;
use std::hash::Hash;

/// Verifiers to make others like.
#[derive(Clone, Debug, Default)]
pub struct Nobody {
    password: Option<Verifier>,
    proof: Option<Scram>,
}

impl Nobody {
    /// Like most of these.
    pub fn among<'a>(accounts: impl Iterator<Item = &'a Listed> + Clone) -> Nobody {
        let password = usual(accounts.clone().filter_map(Listed::for_passwords), cost);
        Nobody { password, proof: usual(accounts.filter_map(|listed| listed.scram.clone()), Scram::cost) }
    }

    /// Takes as long as a wrong password of most accounts.
    pub fn judge(&self, password: &str, place: &mut Workplace) {
        match &self.password {
            Some(Verifier::Scram(scram)) => drop(scram.fits(password)),
            Some(Verifier::Argon2id(argon)) => drop(argon.fits(password, place)),
            None => drop(Argon2id::of_nobody().fits(password, place)),
        }
    }

    /// The verifier of a name for proofs.
    pub fn scram(&self, secret: &Key, name: &str) -> Scram {
        Scram::of_nobody(secret, name, self.proof.as_ref())
    }
}

/// What a wrong password costs.
fn cost(verifier: &Verifier) -> (u32, u32, u32) {
    match verifier {
        Verifier::Argon2id(argon) => argon.cost(),
        Verifier::Scram(scram) => (scram.cost().0, 0, 0),
    }
}

/// One of the most frequent kind; of kinds that are as frequent the one that is greatest, so that the order does not matter.
fn usual<T, K: Eq + Hash + Ord + Copy>(all: impl Iterator<Item = T>, kind: impl Fn(&T) -> K) -> Option<T> {
    let mut kinds: HashMap<K, (usize, T)> = HashMap::new();
    for one in all {
        kinds.entry(kind(&one)).or_insert((0, one)).0 += 1;
    }
    kinds.into_iter().max_by_key(|(kind, (count, _))| (*count, *kind)).map(|(_, (_, one))| one)
}

#[cfg(test)]
#[path = "nobody_test.rs"]
mod nobody_test;
