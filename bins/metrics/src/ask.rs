//! What queued and send say of themselves.
//!
//! Security stance: both are asked for numbers alone; what they answer is read as names and
//! numbers, and unknown names are passed over. How it fails: a service that does not answer in
//! [`PATIENCE`] is told of as not answering.

use stafett_instance::{Instance, Service};
use stafett_sys::socket::{self, Style};
use stafett_wire::LARGEST_PACKET;
use stafett_wire::injector::{Answer, Injector};
use stafett_wire::question::{Question, Reply, Verb};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// How long a service may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Numbers by name; `None` while the service does not answer.
#[derive(Clone, Debug, Default)]
pub struct Numbers(Option<BTreeMap<String, u64>>);

impl Numbers {
    /// Of queued.
    pub fn of_queued(instance: &Instance) -> Numbers {
        let answer = Injector::connect(&instance.socket(Service::Queue), PATIENCE).and_then(|mut queued| queued.statistics());
        match answer {
            Ok(Answer::Accepted(text)) => Numbers(Some(pairs(text.split(' ')))),
            _ => Numbers(None),
        }
    }

    /// Of send.
    pub fn of_send(instance: &Instance) -> Numbers {
        let lines = counts(instance).ok();
        Numbers(lines.map(|lines| pairs(lines.iter().flat_map(|line| line.split(' ')))))
    }

    /// Whether there was an answer.
    pub fn are_there(&self) -> bool {
        self.0.is_some()
    }

    /// The number of a name.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.as_ref()?.get(name).copied()
    }

    /// The names that begin so, without that beginning, and their numbers.
    pub fn beginning<'a>(&'a self, start: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.0.iter().flatten().filter_map(move |(name, number)| Some((name.strip_prefix(start)?, *number)))
    }
}

fn counts(instance: &Instance) -> io::Result<Vec<String>> {
    let socket = socket::connect_within(&instance.socket(Service::Send), Style::Packets, PATIENCE)?;
    socket::send_packet(&socket, &Question { verb: Verb::Counts, arguments: Vec::new() }.encode(), None)?;
    let mut buffer = vec![0; LARGEST_PACKET];
    let packet = socket::receive_packet(&socket, &mut buffer)?;
    match Reply::parse(buffer.get(..packet.length).unwrap_or_default()) {
        // A page of numbers is one packet.
        Ok(Reply::Lines(lines, _)) => Ok(lines),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn pairs<'a>(mut words: impl Iterator<Item = &'a str>) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    while let (Some(name), Some(number)) = (words.next(), words.next()) {
        if let Ok(number) = number.parse() {
            found.insert(name.to_owned(), number);
        }
    }
    found
}
