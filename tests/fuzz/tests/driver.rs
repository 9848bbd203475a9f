//! Runs every fuzz target for a moment with mutated seeds.
//!
//! The seed of the random numbers is printed; STAFETT_FUZZ_SEED repeats a run, STAFETT_FUZZ_INPUTS says how many inputs each
//! target gets (20,000 where not set, or as many as half a second allows).

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stafett_fuzz::{TARGETS, Target};

const SHORT: Duration = Duration::from_millis(500);

/// xorshift64* (Vigna 2016): enough to choose mutations.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }
}

#[test]
fn every_target_holds_for_a_moment() {
    let given = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    let seed = given("STAFETT_FUZZ_SEED").unwrap_or(clock);
    println!("STAFETT_FUZZ_SEED={seed}");
    let inputs = given("STAFETT_FUZZ_INPUTS");
    for target in TARGETS {
        let mut random = Random(seed | 1);
        let (begin, mut count) = (Instant::now(), 0);
        target.seeds.iter().for_each(|input| attempt(target, input));
        while inputs.map_or(count < 20_000 && begin.elapsed() < SHORT, |wanted| count < wanted) {
            attempt(target, &mutated(target, &mut random));
            count += 1;
        }
        println!("{}: {count} inputs", target.name);
    }
}

/// Each target has its wrapper for libFuzzer, and its entry in Cargo.toml.
#[test]
fn every_target_is_there_for_libfuzzer() {
    let manifest = include_str!("../Cargo.toml");
    for target in TARGETS {
        let path = format!("fuzz_targets/{}.rs", target.name);
        let wrapper = std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap_or_default();
        assert!(wrapper.contains(&format!("stafett_fuzz::{}(", target.name)), "{path} does not run it");
        assert!(manifest.contains(&path), "Cargo.toml lacks {path}");
    }
}

fn attempt(target: &Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        println!("{} fails for b\"{}\"", target.name, input.escape_ascii());
        resume_unwind(panic);
    }
}

/// A seed, or several joined, with up to eight small changes.
fn mutated(target: &Target, random: &mut Random) -> Vec<u8> {
    let mut input = piece(target, random).to_vec();
    for _ in 0..random.below(9) {
        let at = random.below(input.len() + 1);
        let end = (at + random.below(6)).min(input.len());
        match random.below(6) {
            0 => drop(input.drain(at..end)),
            1 => input.insert(at, random.below(256) as u8),
            2 => drop(input.splice(at..at, piece(target, random).iter().copied())),
            3 => drop(input.splice(at..end, COMMON[random.below(COMMON.len())].iter().copied())),
            4 => input.extend_from_within(at..end),
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    input
}

fn piece<'a>(target: &'a Target, random: &mut Random) -> &'a [u8] {
    target.seeds[random.below(target.seeds.len())]
}

/// What parsers stumble over.
const COMMON: &[&[u8]] = &[
    b"\r\n", b"\n", b"\r", b".", b"..", b"\0", b" ", b"\t", b"@", b"\"", b"\\", b"<", b">", b":", b"=", b",", b"-", b"+", b"\xff", b"\xc0\x0c",
    "ü".as_bytes(), "。".as_bytes(), "\u{200d}".as_bytes(), "＠".as_bytes(), b"[", b"]", b"18446744073709551616", b"-1", b"0", b"xn--", b"%", b"/",
];
