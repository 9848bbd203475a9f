//! Whom the decisions ask, and who listens to them.
//!
//! Security stance: asks only what changes nothing; [`Services::explains`] tells the checks so.

use stafett_ask::Answer;
use stafett_instance::{Instance, RECIPIENTS, Service};
use stafett_log::safe;
use stafett_reception::refusal::Refusal;
use stafett_reception::services::{Note, Services};
use stafett_smtp::Reply;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Who hears what is said in a dialogue.
pub trait Listener: Services {
    /// The client says something.
    fn command(&mut self, text: &str);

    /// It is answered.
    fn reply(&mut self, reply: &Reply);

    /// It is refused.
    fn refusal(&mut self, refusal: &Refusal);

    /// Something that is neither.
    fn remark(&mut self, text: &str);
}

/// Prints everything.
pub struct Aloud<'a, W> {
    instance: &'a Instance,
    out: &'a mut W,
    failed: Option<io::Error>,
}

impl<'a, W: Write> Aloud<'a, W> {
    /// Asks the services of this instance and prints to `out`.
    pub fn new(instance: &'a Instance, out: &'a mut W) -> Self {
        Self { instance, out, failed: None }
    }

    /// Whether all could be printed.
    pub fn end(self) -> io::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }

    fn print(&mut self, line: &str) {
        if self.failed.is_none() {
            self.failed = writeln!(self.out, "{}", safe(line.as_bytes())).err();
        }
    }
}

impl<W: Write> Services for Aloud<'_, W> {
    fn room(&mut self, _bytes: u64) -> Result<(), Reply> {
        self.remark("the room in the queue is not asked for");
        Ok(())
    }

    fn ask(&mut self, service: Service, question: &[&[u8]], descriptor: Option<BorrowedFd<'_>>, within: Duration) -> io::Result<Answer> {
        stafett_ask::ask(&self.instance.socket(service), question, descriptor, within)
    }

    fn ask_recipient(&mut self, question: &[&[u8]], within: Duration) -> io::Result<Answer> {
        stafett_ask::ask_child(&self.instance.root().join(RECIPIENTS).join("socket"), question, within)
    }

    fn complain(&mut self, text: &str) {
        self.print(&format!("   trouble: {text}"));
    }

    fn explains(&self) -> bool {
        true
    }

    fn note(&mut self, note: &Note<'_>) {
        let place = if note.rule.is_empty() { String::new() } else { format!(" ({})", note.rule) };
        self.print(&format!("   {}: {}{place}", note.check, note.text));
    }
}

impl<W: Write> Listener for Aloud<'_, W> {
    fn command(&mut self, text: &str) {
        self.print(&format!("-> {text}"));
    }

    fn reply(&mut self, reply: &Reply) {
        self.print(&format!("<- {}", reply.one_line()));
    }

    fn refusal(&mut self, refusal: &Refusal) {
        self.print(&format!("   refused by {}", refusal.rule));
        self.reply(&refusal.reply);
    }

    fn remark(&mut self, text: &str) {
        self.print(&format!("   {text}"));
    }
}
