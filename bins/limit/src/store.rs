//! A Redis or Valkey server in which several machines count together.
//!
//! What it does: counting is one script that tests all limits of an event and counts if none is reached, at once for
//! all machines and by the clock of the server; greylisting is another. Keys expire by themselves.
//!
//! Security stance: whoever can write to the store can lift every limit and lock every account; it needs a password or a network
//! of its own. What it answers is bounded by the time that is waited.
//!
//! How it fails: no question waits longer than [`PATIENCE`] for it. When it does not answer the caller counts for itself,
//! and it is tried again after [`PAUSE`]; the log tells when it goes and when it is back.
//!
//! Known limits: no cluster (a script uses several keys), no TLS.

use redis::{Client, Connection, FromRedisValue};
use stafett_log::Log;
use std::time::{Duration, Instant};

/// How long one question to the store may take.
pub const PATIENCE: Duration = Duration::from_millis(50);
/// How long it is left alone after it has failed.
pub const PAUSE: Duration = Duration::from_secs(2);

const COUNT: &str = include_str!("count.lua");
const GREY: &str = include_str!("grey.lua");
const LOCKS: &str = "stafett:locks";

/// The way to the store.
#[derive(Debug)]
pub struct Store {
    log: Log,
    place: String,
    client: Client,
    state: State,
}

enum State {
    Fresh,
    Open(Box<Connection>),
    Away(Instant),
}

impl std::fmt::Debug for State {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            State::Fresh => "fresh",
            State::Open(_) => "open",
            State::Away(_) => "away",
        })
    }
}

/// One count in the store.
#[derive(Clone, Debug)]
pub struct Count {
    /// Its key.
    pub key: String,
    /// How long a step is, in milliseconds.
    pub step: u64,
    /// The most that passes; nothing is tested without.
    pub most: Option<u32>,
    /// How many to add.
    pub add: i64,
}

/// What counting has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// No limit is reached; all were counted.
    Passed,
    /// The one at this place is reached; nothing was counted.
    Reached(usize),
    /// The account is locked.
    Locked,
}

impl Store {
    /// The store of a line of control/limitstore; nobody is asked yet.
    ///
    /// # Errors
    /// When the line cannot be used.
    pub fn new(log: Log, line: &str) -> Result<Store, String> {
        let url = match line.split_once("://") {
            Some(("valkey", rest)) => format!("redis://{rest}"),
            Some(_) => line.to_owned(),
            None if line.starts_with('/') => format!("redis+unix://{line}"),
            None => format!("redis://{line}"),
        };
        let client = Client::open(url).map_err(|error| error.to_string())?;
        Ok(Store { log, place: without_password(line), client, state: State::Fresh })
    }

    /// Tests and counts, all or nothing; nothing when the store does not answer.
    pub fn count(&mut self, counts: &[Count], account: Option<&str>, dry: bool) -> Option<Counted> {
        let mut command = script(COUNT, counts.len());
        for count in counts {
            command.arg(&count.key);
        }
        command.arg(u8::from(dry)).arg(account.unwrap_or(""));
        for count in counts {
            command.arg(count.step).arg(count.most.map_or(-1, i64::from)).arg(count.add);
        }
        let place: i64 = self.ask(&command)?;
        Some(match place {
            0 => Counted::Passed,
            -1 => Counted::Locked,
            place => Counted::Reached(usize::try_from(place).map_or(usize::MAX, |place| place - 1)),
        })
    }

    /// For how many seconds a mail must wait.
    pub fn grey(&mut self, triplet: &str, network: &str, times: [u64; 3], trust: u32, dry: bool) -> Option<u32> {
        let mut command = script(GREY, 2);
        command.arg(format!("stafett:grey:{triplet}")).arg(format!("stafett:trust:{network}"));
        command.arg(&times[..]).arg(trust).arg(u8::from(dry));
        self.ask(&command)
    }

    /// The reason of an account's lock; the outer nothing when the store does not answer.
    pub fn lock_of(&mut self, account: &str) -> Option<Option<String>> {
        self.ask(redis::cmd("HGET").arg(LOCKS).arg(account))
    }

    /// Locks an account; whether the store knows.
    pub fn lock(&mut self, account: &str, rule: &str) -> bool {
        self.ask::<i64>(redis::cmd("HSETNX").arg(LOCKS).arg(account).arg(rule)).is_some()
    }

    /// Unlocks an account; whether it was locked, or nothing when the store does not answer.
    pub fn unlock(&mut self, account: &str) -> Option<bool> {
        self.ask(redis::cmd("HDEL").arg(LOCKS).arg(account))
    }

    /// All locks: account and reason.
    pub fn locks(&mut self) -> Option<Vec<(String, String)>> {
        self.ask(redis::cmd("HGETALL").arg(LOCKS))
    }

    /// Forgets keys; how many there were, or nothing when the store does not answer.
    pub fn forget(&mut self, keys: &[String]) -> Option<i64> {
        let mut command = redis::cmd("DEL");
        command.arg(keys);
        self.ask(&command)
    }

    /// What a network's trust is kept under.
    pub fn trust_key(network: &str) -> String {
        format!("stafett:trust:{network}")
    }

    /// Tries to reach it if it is time to; whether it has just come back.
    pub fn revive(&mut self) -> bool {
        let due = match self.state {
            State::Open(_) => false,
            State::Fresh => true,
            State::Away(until) => Instant::now() >= until,
        };
        due && self.ask::<String>(&redis::cmd("PING")).is_some()
    }

    /// When it should be tried again.
    pub fn next_try(&self) -> Option<Duration> {
        match self.state {
            State::Away(until) => Some(until.saturating_duration_since(Instant::now())),
            _ => None,
        }
    }

    fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Option<T> {
        if matches!(self.state, State::Away(until) if Instant::now() < until) {
            return None;
        }
        let begin = Instant::now();
        match self.connected().and_then(|connection| command.query::<T>(connection)) {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.give_up(&error, begin.elapsed());
                None
            }
        }
    }

    fn connected(&mut self) -> redis::RedisResult<&mut Connection> {
        if !matches!(self.state, State::Open(_)) {
            let connection = self.client.get_connection_with_timeout(PATIENCE)?;
            connection.set_read_timeout(Some(PATIENCE))?;
            connection.set_write_timeout(Some(PATIENCE))?;
            if matches!(self.state, State::Away(_)) {
                self.log.note(format_args!("the store at {} answers again; limits are shared again", self.place));
            }
            self.state = State::Open(Box::new(connection));
        }
        match &mut self.state {
            State::Open(connection) => Ok(connection),
            _ => Err(redis::RedisError::from(std::io::Error::from(std::io::ErrorKind::NotConnected))),
        }
    }

    fn give_up(&mut self, error: &redis::RedisError, after: Duration) {
        if !matches!(self.state, State::Away(_)) {
            self.log.error(format_args!(
                "unable to use the store at {}: {error} (after {} ms); this machine counts for itself until it answers",
                self.place,
                after.as_millis()
            ));
        }
        self.state = State::Away(Instant::now() + PAUSE);
    }
}

/// A script with so many keys. The server compiles it once and knows it again by its text.
fn script(text: &str, keys: usize) -> redis::Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(text).arg(keys);
    command
}

/// The line for people.
fn without_password(line: &str) -> String {
    match (line.split_once("://"), line.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://{place}"),
        _ => line.split_once('?').map_or(line, |(place, _)| place).to_owned(),
    }
}

#[cfg(test)]
#[path = "store_test.rs"]
mod store_test;
