//! A DNS made of a table, for tests.

use crate::names::{Family, Found, Names, Trouble};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Records by name, in lower case and without the dot at the end.
#[derive(Debug, Default)]
pub struct Table {
    records: HashMap<String, Vec<(String, String)>>,
    /// How often it was asked.
    pub asked: AtomicUsize,
}

impl Table {
    /// A table of `NAME TYPE VALUE` lines.
    pub fn of(lines: &[&str]) -> Table {
        let mut table = Table::default();
        for line in lines {
            let mut words = line.splitn(3, ' ');
            let mut word = || words.next().unwrap();
            table.add(word(), word(), word());
        }
        table
    }

    /// Adds a record. TIMEOUT as type: what is not there cannot be told.
    pub fn add(&mut self, name: &str, kind: &str, value: &str) {
        self.records.entry(key(name)).or_default().push((kind.to_owned(), value.to_owned()));
    }

    fn values(&self, name: &str, kind: &str) -> Found<String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut name = key(name);
        for _ in 0..8 {
            let Some(records) = self.records.get(&name) else { return Ok(Vec::new()) };
            let of = |wanted: &str| records.iter().filter(|(kind, _)| kind == wanted).map(|(_, value)| value.clone()).collect::<Vec<_>>();
            if let Some(target) = of("CNAME").first() {
                name = key(target);
                continue;
            }
            return match of(kind) {
                none if none.is_empty() && !of("TIMEOUT").is_empty() => Err(Trouble("timeout".into())),
                values => Ok(values),
            };
        }
        Err(Trouble("a loop".into()))
    }
}

fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// `\xHH` and `\r`, `\n` as in Python; anything above ASCII as one byte.
fn bytes(value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = value;
    while let Some(symbol) = rest.chars().next() {
        let (byte, length) = match symbol {
            '\\' => match rest.as_bytes()[1] {
                b'x' => (u8::from_str_radix(&rest[2..4], 16).unwrap(), 4),
                b'r' => (b'\r', 2),
                b'n' => (b'\n', 2),
                other => (other, 2),
            },
            symbol => (u8::try_from(u32::from(symbol)).unwrap(), symbol.len_utf8()),
        };
        out.push(byte);
        rest = &rest[length..];
    }
    out
}

impl Names for Table {
    fn texts(&self, name: &str) -> Found<Vec<u8>> {
        Ok(self.values(name, "TXT")?.iter().map(|value| bytes(value)).collect())
    }

    fn addresses(&self, name: &str, family: Family) -> Found<IpAddr> {
        let kind = if family == Family::Four { "A" } else { "AAAA" };
        Ok(self.values(name, kind)?.iter().map(|value| value.parse().unwrap()).collect())
    }

    fn exchanges(&self, name: &str) -> Found<String> {
        let host = |value: &String| value.split_once(' ').unwrap().1.trim_end_matches('.').to_owned();
        Ok(self.values(name, "MX")?.iter().map(host).collect())
    }

    fn pointers(&self, ip: IpAddr) -> Found<String> {
        let name = match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(ip) => {
                let digits = ip.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
                format!("{}.ip6.arpa", digits.map(|digit| format!("{digit:x}")).collect::<Vec<_>>().join("."))
            }
        };
        Ok(self.values(&name, "PTR")?.iter().map(|value| key(value)).collect())
    }
}
