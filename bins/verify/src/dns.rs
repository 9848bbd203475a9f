//! The resolver behind [`Names`], with a memory of what it was told.
//!
//! What it does: asks the servers of control/resolvers or /etc/resolv.conf, each question within its own time and within the
//! one deadline of whoever asks; remembers answers as long as their TTL says, failures for [`FAILED_FOR`].
//!
//! Security stance: the memory is bounded in bytes, for what is remembered is chosen by strangers. How it fails: with
//! [`Trouble`]. Known limits: no DNSSEC; a TTL of more than [`LONGEST`] counts as that.

use crate::names::{Family, Found, Names, Trouble};
use stafett_dns::{Kind, Outcome, Question, Record, Resolver, Timed};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(6);
/// The longest time that an answer is remembered.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How long a failure is remembered: a name server that is dead is not waited for by each message.
const FAILED_FOR: Duration = Duration::from_secs(5);
/// What is remembered at most, in bytes, near enough.
const MEMORY: usize = 8 * 1024 * 1024;
/// What an entry costs beside its texts, in bytes, near enough.
const ENTRY: usize = 160;

/// What was said of a name.
type Said = Result<Arc<Vec<Record>>, Trouble>;

/// The resolver and its memory, for all threads.
#[derive(Debug)]
pub struct Dns {
    resolver: Mutex<Resolver>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    entries: HashMap<Question, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    said: Said,
    until: Instant,
    bytes: usize,
}

impl Dns {
    /// Asks these servers.
    pub fn new(servers: Vec<SocketAddr>) -> Dns {
        Dns { resolver: Mutex::new(Resolver::new(servers)), memory: Mutex::default() }
    }

    /// Asks these servers from now on; forgets what others said.
    pub fn ask_others(&self, servers: Vec<SocketAddr>) {
        let mut resolver = locked(&self.resolver);
        if resolver.servers() != servers {
            *resolver = Resolver::new(servers);
            *locked(&self.memory) = Memory::default();
        }
    }

    fn remembered(&self, questions: &[Question]) -> Vec<Option<Said>> {
        let (memory, now) = (locked(&self.memory), Instant::now());
        questions.iter().map(|question| memory.known(question, now)).collect()
    }

    fn said(&self, questions: &[Question], deadline: Instant) -> Vec<Said> {
        let mut known = self.remembered(questions);
        let unknown: Vec<Question> =
            questions.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(question, _)| question.clone()).collect();
        if !unknown.is_empty() {
            let mut told = self.ask(unknown, deadline).into_iter();
            known.iter_mut().filter(|known| known.is_none()).for_each(|known| *known = told.next());
        }
        let lost = || Err(Trouble("the answer was lost".to_owned()));
        known.into_iter().map(|known| known.unwrap_or_else(lost)).collect()
    }

    fn ask(&self, questions: Vec<Question>, deadline: Instant) -> Vec<Said> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return questions.iter().map(|_| Err(Trouble("the look-ups take too long".to_owned()))).collect();
        }
        let resolver = locked(&self.resolver).clone();
        let told = resolver.ask_all_timed(&questions, left.min(PATIENCE));
        let mut memory = locked(&self.memory);
        questions.into_iter().zip(told).map(|(question, timed)| memory.keep(question, timed)).collect()
    }
}

impl Memory {
    fn known(&self, question: &Question, now: Instant) -> Option<Said> {
        self.entries.get(question).filter(|entry| entry.until > now).map(|entry| entry.said.clone())
    }

    fn keep(&mut self, question: Question, timed: Timed) -> Said {
        let lifetime = timed.lifetime.unwrap_or_default().min(LONGEST);
        let (said, lifetime) = match timed.outcome {
            Outcome::Answer(answer) => (Ok(Arc::new(answer.records)), lifetime),
            Outcome::NoSuchName | Outcome::NoData => (Ok(Arc::default()), lifetime),
            Outcome::Temporary(failure) => (Err(Trouble(format!("{}: {failure}", question.name))), FAILED_FOR),
        };
        if !lifetime.is_zero() {
            self.insert(question, said.clone(), Instant::now() + lifetime);
        }
        said
    }

    fn insert(&mut self, question: Question, said: Said, until: Instant) {
        let bytes = ENTRY + question.name.len() + said.as_ref().map_or(0, |records| records.iter().map(size).sum());
        if self.bytes + bytes > MEMORY {
            self.forget();
        }
        self.bytes += bytes;
        if let Some(old) = self.entries.insert(question, Entry { said, until, bytes }) {
            self.bytes -= old.bytes;
        }
    }

    /// What has run out, and if that is too little, half of the rest.
    fn forget(&mut self) {
        let now = Instant::now();
        self.entries.retain(|_, entry| entry.until > now);
        self.bytes = self.entries.values().map(|entry| entry.bytes).sum();
        if self.bytes > MEMORY / 2 {
            let mut keep = false;
            self.entries.retain(|_, _| {
                keep = !keep;
                keep
            });
            self.bytes = self.entries.values().map(|entry| entry.bytes).sum();
        }
    }
}

fn size(record: &Record) -> usize {
    std::mem::size_of::<Record>()
        + match record {
            Record::Txt(text) => text.len(),
            Record::Mx { exchange: name, .. } | Record::Ptr(name) => name.len(),
            _ => 0,
        }
}

/// A holder of the lock that died in the midst of it left nothing half done that matters.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever asks, with the time by which all must be known.
#[derive(Debug)]
pub struct Asker {
    /// Whom to ask.
    pub dns: Arc<Dns>,
    /// When the time is over.
    pub deadline: Instant,
    /// Set when something was wanted that is not remembered; where it is there, nobody is asked for that.
    pub lacks: Option<AtomicBool>,
}

impl Asker {
    fn records<T>(&self, name: &str, kind: Kind, each: impl Fn(&Record) -> Option<T>) -> Found<T> {
        // what the DNS cannot be asked for is not there
        let Ok(question) = Question::new(name, kind) else { return Ok(Vec::new()) };
        self.answers(vec![question], each).pop().unwrap_or_else(|| Ok(Vec::new()))
    }

    fn answers<T>(&self, questions: Vec<Question>, each: impl Fn(&Record) -> Option<T>) -> Vec<Found<T>> {
        let said = match &self.lacks {
            Some(lacks) => self.dns.remembered(&questions).into_iter().map(|said| said.unwrap_or_else(|| lack(lacks))).collect(),
            None => self.dns.said(&questions, self.deadline),
        };
        said.into_iter().map(|said| said.map(|records| records.iter().filter_map(&each).collect())).collect()
    }
}

fn lack(lacks: &AtomicBool) -> Said {
    lacks.store(true, Ordering::Relaxed);
    Err(Trouble("not remembered".to_owned()))
}

impl Names for Asker {
    fn texts(&self, name: &str) -> Found<Vec<u8>> {
        self.records(name, Kind::Txt, text)
    }

    fn texts_of_all(&self, names: &[String]) -> Vec<Found<Vec<u8>>> {
        let questions: Vec<Option<Question>> = names.iter().map(|name| Question::new(name, Kind::Txt).ok()).collect();
        let mut answers = self.answers(questions.iter().flatten().cloned().collect(), text).into_iter();
        let answer = |question: &Option<Question>| question.as_ref().and_then(|_| answers.next()).unwrap_or(Ok(Vec::new()));
        questions.iter().map(answer).collect()
    }

    fn addresses(&self, name: &str, family: Family) -> Found<IpAddr> {
        let kind = if family == Family::Four { Kind::A } else { Kind::Aaaa };
        self.records(name, kind, |record| match record {
            Record::A(ip) => Some(IpAddr::V4(*ip)),
            Record::Aaaa(ip) => Some(IpAddr::V6(*ip)),
            _ => None,
        })
    }

    fn exchanges(&self, name: &str) -> Found<String> {
        let mut found = self.records(name, Kind::Mx, |record| match record {
            Record::Mx { preference, exchange } => Some((*preference, host(exchange))),
            _ => None,
        })?;
        found.sort_by_key(|(preference, _)| *preference);
        Ok(found.into_iter().map(|(_, host)| host).collect())
    }

    fn pointers(&self, ip: IpAddr) -> Found<String> {
        let Ok(question) = Question::reverse(ip) else { return Ok(Vec::new()) };
        let pointer = |record: &Record| match record {
            Record::Ptr(name) => Some(host(name)),
            _ => None,
        };
        self.answers(vec![question], pointer).pop().unwrap_or_else(|| Ok(Vec::new()))
    }
}

fn text(record: &Record) -> Option<Vec<u8>> {
    match record {
        Record::Txt(text) => Some(text.clone()),
        _ => None,
    }
}

/// In lower case; the root, as in a null MX, is empty.
fn host(name: &stafett_dns::Name) -> String {
    name.to_string().trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
#[path = "dns_test.rs"]
mod dns_test;
