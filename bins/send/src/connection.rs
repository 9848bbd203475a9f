//! One delivery connection: a child of stafett-remote or stafett-local on the other end of a packet socket pair.

use stafett_queue_store::Id;
use stafett_sys::socket::{self, Style};
use stafett_wire::delivery::Report;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long a connection waits for the next message.
pub const IDLE: Duration = Duration::from_secs(2);
/// Messages of one connection at most.
const MOST_MESSAGES: u32 = 1000;
/// How long one connection is used at most.
const LONGEST_USE: Duration = Duration::from_secs(300);
/// Both while another destination is in need of one.
const SHARE: (u32, Duration) = (20, Duration::from_secs(10));

/// A connection and what it is doing.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
    /// The number of its destination.
    pub destination: u64,
    /// Whether a child of stafett-local serves it.
    pub is_local: bool,
    /// What it delivers now; to a user of this host, several messages at once.
    pub jobs: Vec<Job>,
    /// Whether stafett-remote said that a child serves it.
    pub started: bool,
    /// Since when it has been idle.
    pub idle_since: Instant,
    /// Which settings it was opened under, by their number.
    pub generation: u64,
    born: Instant,
    messages: u32,
}

/// A delivery under way.
#[derive(Clone, Debug)]
pub struct Job {
    /// The message.
    pub id: Id,
    /// The recipients' numbers in its envelope.
    pub recipients: Vec<usize>,
    /// Its file, which is open as long as it is delivered.
    pub file: Rc<File>,
    /// The number of the first recipient's delivery; the others follow.
    pub delivery: u64,
    /// What it counts as among the connections.
    pub kind: Kind,
    /// Since when it is delivered.
    pub since: Instant,
}

/// What a delivery counts as among the connections.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The destination had but messages that were tried before.
    pub is_retry: bool,
    /// The destination was slow the last time.
    pub is_slow: bool,
}

/// What a connection says.
#[derive(Debug)]
pub enum Heard {
    /// Nothing yet.
    Nothing,
    /// The reports of its first jobs. It has not begun the others.
    Reports(Vec<Report>),
    /// It is gone; what it was delivering may or may not have arrived.
    Gone,
    /// It broke the protocol.
    Nonsense(String),
}

impl Connection {
    /// A new pair: our connection and the end that is handed to stafett-remote or stafett-local.
    ///
    /// # Errors
    /// When the system has no room for more sockets.
    pub fn new(destination: u64, is_local: bool, generation: u64) -> io::Result<(Connection, OwnedFd)> {
        let (ours, theirs) = socket::pair(Style::Packets)?;
        socket::set_nonblocking(&ours, true)?;
        let now = Instant::now();
        let idle = Connection {
            socket: ours,
            destination,
            is_local,
            jobs: Vec::new(),
            started: false,
            idle_since: now,
            generation,
            born: now,
            messages: 0,
        };
        Ok((idle, theirs))
    }

    /// Gives the child something to deliver, one message or several.
    ///
    /// # Errors
    /// `BrokenPipe` or `ConnectionReset` when it is gone, anything else when this order cannot be
    /// sent at all; nothing was sent then.
    pub fn order(&mut self, packet: &[u8], jobs: Vec<Job>) -> Result<(), (io::Error, Vec<Job>)> {
        let files: Vec<BorrowedFd<'_>> = jobs.iter().map(|job| job.file.as_fd()).collect();
        match socket::send_packet_with(&self.socket, packet, &files) {
            Ok(()) => {
                self.messages += u32::try_from(jobs.len()).unwrap_or(u32::MAX);
                self.jobs = jobs;
                Ok(())
            }
            Err(error) => Err((error, jobs)),
        }
    }

    /// Whether it delivers something.
    pub fn is_busy(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// What the child has to say; `buffer` has room for the largest packet.
    pub fn hear(&self, buffer: &mut [u8]) -> Heard {
        let packet = match socket::receive_packet(&self.socket, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::Nothing,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Heard::Nonsense(error.to_string()),
            Err(_) => return Heard::Gone,
            Ok(packet) if packet.length == 0 => return Heard::Gone,
            Ok(packet) => packet,
        };
        let packet = buffer.get(..packet.length).unwrap_or_default();
        match if self.jobs.len() > 1 { Report::parse_all(packet) } else { Report::parse(packet).map(|report| vec![report]) } {
            Ok(reports) => self.judge(reports),
            Err(error) => Heard::Nonsense(error.to_string()),
        }
    }

    /// Whether it has delivered enough: `most` messages, if the admin has set that.
    pub fn is_worn(&self, most: Option<u32>) -> bool {
        self.messages >= most.unwrap_or(MOST_MESSAGES) || self.born.elapsed() > LONGEST_USE
    }

    /// Whether it has delivered enough while another destination is in need of a connection.
    pub fn has_had_its_share(&self) -> bool {
        let (messages, time) = SHARE;
        self.messages >= messages || self.born.elapsed() > time
    }

    fn judge(&self, reports: Vec<Report>) -> Heard {
        let fits = |(job, report): (&Job, &Report)| job.delivery == report.delivery && job.recipients.len() == report.recipients.len();
        match self.jobs.len() {
            0 => Heard::Nonsense("a report without an order".to_owned()),
            most if reports.len() <= most && self.jobs.iter().zip(&reports).all(fits) => Heard::Reports(reports),
            _ => Heard::Nonsense("a report that does not fit the order".to_owned()),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
