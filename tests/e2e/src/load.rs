//! Load whose every message can be told from the others: what was promised (250) against what has arrived.

use crate::client::{Client, message};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Some clients that send message after message until they are told to stop.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    port: u16,
    prefix: String,
    stop: AtomicBool,
    next: AtomicUsize,
    promised: Mutex<BTreeSet<String>>,
}

impl Load {
    /// Starts `clients` clients; subjects begin with `prefix`.
    pub fn start(port: u16, clients: usize, prefix: &str) -> Load {
        let prefix = prefix.to_owned();
        let shared = Arc::new(Shared { port, prefix, stop: false.into(), next: 0.into(), promised: Mutex::default() });
        let begin = |_| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.send_until_told())
        };
        let threads = (0..clients).map(begin).collect();
        Load { shared, threads }
    }

    /// The subjects of the messages that were answered 250 so far.
    pub fn promised(&self) -> BTreeSet<String> {
        self.shared.promised.lock().unwrap().clone()
    }

    /// Waits until `count` messages were answered 250, at most `seconds`.
    pub fn wait(&self, count: usize, seconds: u64) -> bool {
        crate::wait_until(seconds, || self.shared.promised.lock().unwrap().len() >= count)
    }

    /// Ends it and returns the subjects that were answered 250.
    pub fn stop(mut self) -> BTreeSet<String> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.promised()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn send_until_told(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let subject = format!("{}-{}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed));
            if self.send(&subject).is_some() {
                self.promised.lock().unwrap().insert(subject);
            } else {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// One message over a connection of its own; `None` when it was not promised.
    fn send(&self, subject: &str) -> Option<()> {
        let mut client = Client::try_connect(([127, 0, 0, 1], self.port).into()).ok()?;
        let mut said = |code: u16, line: &str| {
            client.send(line.as_bytes());
            (client.reply().code == code).then_some(())
        };
        said(220, "")?;
        said(250, "HELO load.test\r\n")?;
        said(250, "MAIL FROM:<load@sender.test>\r\n")?;
        said(250, "RCPT TO:<load@taken.test>\r\n")?;
        said(354, "DATA\r\n")?;
        let mut body = message(subject);
        body.extend_from_slice(b"x".repeat(900).as_slice());
        body.extend_from_slice(b"\r\n.\r\n");
        client.send(&stuff(&body));
        let promised = (client.reply().code == 250).then_some(());
        client.send(b"QUIT\r\n");
        promised
    }
}

/// The sample message has one line with a leading dot.
fn stuff(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    text.replace("\r\n.a line", "\r\n..a line").into_bytes()
}
