//! A stafett-remote that answers orders as its test says.

use crate::common::Site;
use stafett_envelope::Envelope;
use stafett_sys::socket::{self, Style};
use stafett_wire::delivery::{Destination, Order, Scope};
use stafett_wire::netstring::{all, number, push};
use stafett_wire::{LARGEST_PACKET, Verdict};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An order as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub destination: String,
    pub connection: u64,
    pub sender: String,
    pub recipients: Vec<String>,
    pub message: Vec<u8>,
    /// How many orders came before it in its packet.
    pub place: usize,
}

/// What is done about an order.
pub enum Reply {
    /// This verdict for every recipient.
    All(Verdict, &'static str),
    /// A verdict for each.
    Each(Verdicts),
    /// Every recipient delivered, by a host that reports success itself.
    Taken,
    /// The destination cannot be reached.
    Down(&'static str),
    /// Trouble of this host: the destination was not tried.
    Own(&'static str),
    /// The same, and it may have been delivered.
    Interrupted(&'static str),
    /// The connection ends without a report.
    Die,
    /// Delivered, when [`Remote::release`] is called.
    Hold,
}

/// What each recipient is told, in words too.
type Verdicts = Vec<(Verdict, &'static str)>;

type Script = Box<dyn FnMut(&Seen) -> Reply + Send>;

pub struct Remote {
    shared: Arc<Shared>,
    listener: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    released: AtomicBool,
    ending: AtomicBool,
    open: Mutex<(usize, usize)>,
    refusals: AtomicUsize,
    several: AtomicUsize,
}

impl Remote {
    /// Listens in that instance.
    pub fn start(site: &Site, script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Remote {
        Remote::start_as(site, "remote", script)
    }

    /// Listens as that service.
    pub fn start_as(site: &Site, service: &str, script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Remote {
        let listener = socket::listen(&site.path(&format!("run/{service}/socket")), Style::Packets, 64).unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(Box::new(script)),
            seen: Mutex::new(Vec::new()),
            released: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            open: Mutex::new((0, 0)),
            refusals: AtomicUsize::new(0),
            several: AtomicUsize::new(0),
        });
        let its = Arc::clone(&shared);
        let listener = std::thread::spawn(move || attend(&its, &listener));
        Remote { shared, listener: Some(listener) }
    }

    /// One that delivers everything.
    pub fn willing(site: &Site) -> Remote {
        Remote::start(site, |_| Reply::All(Verdict::Ok, "accepted. Remote host said: 250 ok"))
    }

    pub fn script(&self, script: impl FnMut(&Seen) -> Reply + Send + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub fn release(&self) {
        self.shared.released.store(true, Ordering::SeqCst);
    }

    /// Refuses the next so many handoffs.
    pub fn refuse(&self, count: usize) {
        self.shared.refusals.store(count, Ordering::SeqCst);
    }

    /// Takes several orders at once from now on, and carries out so many of each packet; with 0 one at a time.
    pub fn take_several(&self, count: usize) {
        self.shared.several.store(count, Ordering::SeqCst);
    }

    /// The most connections that were open at once.
    pub fn most_open(&self) -> usize {
        self.shared.open.lock().unwrap().1
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        self.release();
        let _ = self.listener.take().unwrap().join();
    }
}

/// Takes callers and handoffs, one after the other: send is the only caller.
fn attend(shared: &Arc<Shared>, listener: &OwnedFd) {
    let mut callers: Vec<OwnedFd> = Vec::new();
    let mut buffer = vec![0; LARGEST_PACKET];
    while !shared.ending.load(Ordering::SeqCst) {
        while let Some(caller) = socket::accept(listener).unwrap() {
            socket::set_nonblocking(&caller, true).unwrap();
            callers.push(caller);
        }
        for caller in &callers {
            while let Ok(packet) = socket::receive_packet(caller, &mut buffer) {
                let Some(descriptor) = packet.descriptor else { break };
                born(shared, caller, &buffer[..packet.length], descriptor);
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn born(shared: &Arc<Shared>, caller: &OwnedFd, packet: &[u8], descriptor: OwnedFd) {
    let strings = all(packet, 10).unwrap();
    let (tag, destination) = (number(strings[0]).unwrap(), Destination::parse(&strings[1..]).unwrap());
    let refused = shared.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    let mut answer = Vec::new();
    for string in [if refused { "Z" } else { "S" }, &tag.to_string(), "1"] {
        push(&mut answer, string.as_bytes());
    }
    let _ = socket::send_packet(caller, &answer, None);
    if refused {
        return;
    }
    let shared = Arc::clone(shared);
    {
        let mut open = shared.open.lock().unwrap();
        open.0 += 1;
        open.1 = open.1.max(open.0);
    }
    std::thread::spawn(move || {
        serve(&shared, tag, &destination.to_string(), &descriptor);
        shared.open.lock().unwrap().0 -= 1;
    });
}

fn serve(shared: &Shared, connection: u64, destination: &str, orders: &OwnedFd) {
    let mut buffer = vec![0; LARGEST_PACKET];
    while let Ok((length, files)) = socket::receive_packet_with(orders, &mut buffer) {
        if length == 0 {
            return;
        }
        let several = shared.several.load(Ordering::SeqCst);
        let packet = Order::parse_all(&buffer[..length]).unwrap();
        let is_one = packet.len() == 1;
        assert_eq!(packet.len(), files.len());
        let begun = packet.iter().zip(files).take(several.max(1)).enumerate();
        let seen: Vec<Seen> = begun.map(|(place, (order, file))| look(order, destination, (connection, place), file)).collect();
        shared.seen.lock().unwrap().extend(seen.iter().cloned());
        let mut reports = Vec::new();
        let mut is_last = false;
        for (order, seen) in packet.iter().zip(seen) {
            let Some((scope, verdicts, taken)) = answer(shared, &seen) else { return };
            let report = report(order.delivery, scope, &verdicts, taken, several > 0);
            if is_one {
                reports = report
            } else {
                push(&mut reports, &report)
            }
            is_last |= scope == Scope::Destination;
        }
        if socket::send_packet(orders, &reports, None).is_err() || is_last {
            return;
        }
    }
}

/// What is said of an order; nothing where the connection ends instead.
fn answer(shared: &Shared, seen: &Seen) -> Option<(Scope, Verdicts, bool)> {
    let count = seen.recipients.len();
    let reply = (shared.script.lock().unwrap())(seen);
    let ok = (Verdict::Ok, "accepted. Remote host said: 250 ok");
    let taken = matches!(reply, Reply::Taken);
    let (scope, verdicts) = match reply {
        Reply::All(verdict, text) => (Scope::Message, vec![(verdict, text); count]),
        Reply::Each(verdicts) => (Scope::Message, verdicts),
        Reply::Down(text) => (Scope::Destination, vec![(Verdict::Temporary, text); count]),
        Reply::Own(text) => (Scope::Own, vec![(Verdict::Temporary, text); count]),
        Reply::Interrupted(text) => (Scope::Interrupted, vec![(Verdict::Temporary, text); count]),
        Reply::Taken => (Scope::Message, vec![ok; count]),
        Reply::Die => return None,
        Reply::Hold => {
            while !shared.released.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(2));
            }
            (Scope::Message, vec![ok; count])
        }
    };
    Some((scope, verdicts, taken))
}

/// A report as it stands on the wire, made without the code that reads it.
fn report(delivery: u64, scope: Scope, verdicts: &[(Verdict, &str)], taken: bool, takes_several: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let is_down = scope == Scope::Destination;
    push(&mut out, delivery.to_string().as_bytes());
    let letter = match scope {
        Scope::Message => b"m",
        Scope::Destination => b"d",
        Scope::Own => b"o",
        Scope::Interrupted => b"i",
    };
    push(&mut out, letter);
    push(
        &mut out,
        if is_down {
            b"-"
        } else if takes_several {
            b"*"
        } else {
            b"+"
        },
    );
    for (verdict, text) in verdicts {
        let letter = if taken { b'k' } else { verdict.letter() };
        push(&mut out, &[&[letter], text.as_bytes()].concat());
    }
    out
}

fn look(order: &Order<'_>, destination: &str, (connection, place): (u64, usize), file: OwnedFd) -> Seen {
    let envelope = Envelope::parse(order.envelope).unwrap();
    let mut message = vec![0; usize::try_from(order.size).unwrap()];
    std::fs::File::from(file).read_exact_at(&mut message, 0).unwrap();
    let recipients = envelope.recipients.into_iter().map(|recipient| recipient.address).collect();
    Seen { destination: destination.to_owned(), connection, sender: envelope.sender, recipients, message, place }
}
