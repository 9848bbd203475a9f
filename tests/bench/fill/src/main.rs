//! Fills a queue with messages that wait: `stafett-bench-fill QUEUE NUMBER`, then a line for each kind of destination on
//! standard input: `SHARE DOMAINS NAME`, with SHARE in thousandths of the messages and a `#` in NAME for the number
//! of the domain, from 0.
//!
//! The files are those that the scheduler leaves: born over the last six days, with a line of the journal for each attempt so
//! far (three at most are written), an mtime that is the next attempt of that age, a few of them past. The same numbers
//! give the same queue, but for the time. Run it as the queue's user while no scheduler runs; nothing is synced.
//! How it fails: a line on standard error and exit 111; what was written stays.

use stafett_envelope::{Envelope, Recipient};
use stafett_queue_store::journal::{Event, Line};
use stafett_queue_store::{Id, Place, Store, content};
use std::fs::{self, File, FileTimes};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds over which births are spread: below the usual queuelifetime of seven days.
const SPAN: u64 = 6 * 86_400;
/// The youngest has been tried once at least.
const YOUNGEST: u64 = 600;
const THREADS: u64 = 2;
/// One message in so many is due since a minute, as after a short stop.
const OVERDUE: u64 = 200;
const FAILURE: &str = "Connected to nobody: connection refused. (#4.4.1)";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stafett-bench-fill: fatal: {error}");
            ExitCode::from(111)
        }
    }
}

fn run() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [queue, number] = &arguments[..] else { return Err(io::Error::other("usage: stafett-bench-fill QUEUE NUMBER")) };
    let number: u64 = number.parse().map_err(io::Error::other)?;
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let kinds = text.lines().map(|line| Kind::parse(line).ok_or_else(|| io::Error::other(format!("unable to read \"{line}\""))));
    let plan = Plan { number, now: seconds(SystemTime::now()), kinds: kinds.collect::<io::Result<_>>()? };
    let store = Store::open(Path::new(queue))?;
    for shard in 0..=255 {
        fs::create_dir_all(store.root().join(format!("cur/{shard:02x}")))?;
    }
    std::thread::scope(|scope| {
        let (store, plan) = (&store, &plan);
        let threads: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || fill(store, plan, first))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| io::Error::other("a thread has died"))?)
    })
}

/// What the queue shall hold.
struct Plan {
    number: u64,
    now: u64,
    kinds: Vec<Kind>,
}

/// Messages that go to domains of one form.
struct Kind {
    thousandths: u64,
    domains: u64,
    name: String,
}

impl Kind {
    fn parse(line: &str) -> Option<Kind> {
        let mut words = line.split(' ');
        let kind = Kind { thousandths: words.next()?.parse().ok()?, domains: words.next()?.parse().ok()?, name: words.next()?.to_owned() };
        (kind.domains > 0 && words.next().is_none()).then_some(kind)
    }
}

fn fill(store: &Store, plan: &Plan, first: u64) -> io::Result<()> {
    let mut index = first;
    while index < plan.number {
        write_one(store, plan, index)?;
        index += THREADS;
    }
    Ok(())
}

fn write_one(store: &Store, plan: &Plan, index: u64) -> io::Result<()> {
    let stride = SPAN * 1_000_000 / plan.number;
    let chance = mix(index);
    let id = Id((plan.now - SPAN - YOUNGEST) * 1_000_000 + index * stride + chance % stride);
    let due = if chance % OVERDUE == 0 { plan.now - 60 } else { next_attempt(id.birth_seconds(), plan.now) };
    let message = message(id, chance);
    let envelope = envelope(&plan.domain(mix(chance)), id);
    let mut bytes = content(id, &message, &envelope);
    bytes.extend_from_slice(journal(id.birth_seconds(), plan.now).as_bytes());
    let mut file = File::create_new(store.path(id, message.len() as u64, Place::Waiting))?;
    file.write_all(&bytes)?;
    let time = UNIX_EPOCH + Duration::from_secs(due);
    file.set_times(FileTimes::new().set_accessed(time).set_modified(time))
}

impl Plan {
    fn domain(&self, chance: u64) -> String {
        let mut left = chance % 1000;
        for kind in &self.kinds {
            if left < kind.thousandths {
                return kind.name.replace('#', &(chance / 1000 % kind.domains).to_string());
            }
            left -= kind.thousandths;
        }
        "rest.example".to_owned()
    }
}

fn envelope(domain: &str, id: Id) -> Envelope {
    Envelope {
        sender: format!("sender{}@source.example", id.0 % 997),
        origin: "ESMTP 127.0.0.1 client.example".into(),
        recipients: vec![Recipient::new(format!("user{}@{domain}", id.0 % 991))],
        ..Envelope::default()
    }
}

/// From 1 to 3 KiB.
fn message(id: Id, chance: u64) -> Vec<u8> {
    let mut message = format!("From: sender@source.example\r\nSubject: {id}\r\n\r\n").into_bytes();
    for _ in 0..16 + chance % 32 {
        message.extend_from_slice(b"This line of 64 bytes is one of many that say the same as it.\r\n");
    }
    message
}

/// Lines of the last attempts before `now`.
fn journal(birth: u64, now: u64) -> String {
    let mut lines = String::new();
    let mut times: Vec<u64> = (1..).map(|attempt| birth + 400 * attempt * attempt).take_while(|time| *time < now).collect();
    for time in times.split_off(times.len().saturating_sub(3)) {
        Line { time, recipient: 0, event: Event::Deferred, text: FAILURE.to_owned() }.write(&mut lines);
    }
    lines
}

/// Of the retries at birth + (20 n)², the first after `now`.
fn next_attempt(birth: u64, now: u64) -> u64 {
    (1..).map(|attempt: u64| birth + 400 * attempt * attempt).find(|time| *time > now).unwrap_or(now)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A number that looks like chance (the finalizer of splitmix64).
fn mix(number: u64) -> u64 {
    let number = (number.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
