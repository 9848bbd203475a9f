//! One filter in one session: what it is told, what it says, and whether it is still asked.
//!
//! How it fails: whatever is no work done (away, slow, closed, garbage) is logged with the filter's name and line, and
//! then is what the line says for that: mail passes without the filter, or is refused.

use crate::LOG;
use crate::link::{Fault, Link};
use crate::macros::Macros;
use crate::mail::Mail;
use crate::protocol::options::{Agreed, Stage, steps};
use crate::protocol::reply::Reply;
use crate::protocol::response::{Change, Response};
use crate::protocol::{Malformed, command};
use stafett_control::form::milter::{Away, Milter};
use std::time::Instant;

/// Changes of one filter at most, parts of a body included.
const MOST_CHANGES: usize = 20_000;

/// A filter.
#[derive(Debug)]
pub struct Filter {
    /// Its line in control/milters.
    pub line: usize,
    /// What the line says.
    pub milter: Milter,
    link: Option<Link>,
    agreed: Agreed,
    standing: Standing,
    /// How many recipients of this message it may see.
    pub recipients: usize,
    /// Whether it was told of MAIL and has not seen the end of that.
    under_way: bool,
}

/// Whether a filter is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Asked,
    /// It has accepted this message.
    PassesMessage,
    /// It has accepted this client, or does not see it.
    PassesSession,
    /// It did not do its work, and mail is refused for that.
    Failed(Reply),
}

/// What a filter says to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// Go on.
    Go,
    /// Refuse.
    Refuse(Reply),
    /// Take the message and throw it away.
    Discard,
}

/// A step: the packets of it, when it is left out, and when it is not answered.
#[derive(Debug)]
pub struct Step {
    /// Which one, for the macros.
    pub stage: Stage,
    /// Its letter.
    pub command: u8,
    /// The flag that says that it is not wanted.
    pub unwanted: u32,
    /// The flag that says that it is not answered.
    pub silent: u32,
    /// The command itself.
    pub packet: Vec<u8>,
}

impl Filter {
    /// A filter that has not been asked yet.
    pub fn new(line: usize, milter: Milter) -> Filter {
        Filter { line, milter, link: None, agreed: Agreed::default(), standing: Standing::Asked, recipients: 0, under_way: false }
    }

    /// Where it stands in the control files.
    pub fn rule(&self) -> String {
        format!("control/milters:{}", self.line)
    }

    /// Not asked in this session.
    pub fn pass_session(&mut self) {
        self.standing = Standing::PassesSession;
    }

    /// Connects.
    pub fn open(&mut self, hosts: &str) -> Say {
        if self.standing != Standing::Asked {
            return Say::Go;
        }
        match Link::open(&self.milter.place, hosts, Instant::now() + self.milter.timeout) {
            Ok((link, agreed)) => {
                self.link = Some(link);
                self.agreed = agreed;
                Say::Go
            }
            Err(fault) => self.fail(&fault),
        }
    }

    /// Tells of a step and hears what it says.
    pub fn tell(&mut self, step: &Step, macros: &Macros) -> Say {
        match &self.standing {
            Standing::Asked => {}
            Standing::Failed(reply) => return Say::Refuse(reply.clone()),
            Standing::PassesMessage | Standing::PassesSession => return Say::Go,
        }
        let until = Instant::now() + self.milter.timeout;
        let said = self.step(step, macros, until);
        self.heard(said, step.stage)
    }

    /// Ends what it was told of the last message.
    pub fn reset(&mut self) {
        self.recipients = 0;
        if self.standing == Standing::PassesMessage {
            self.standing = Standing::Asked;
        }
        if std::mem::take(&mut self.under_way) && self.standing == Standing::Asked {
            self.send_bare(b'A');
        }
    }

    /// Ends the session.
    pub fn quit(&mut self) {
        self.send_bare(b'Q');
        self.link = None;
    }

    /// Shows the message.
    pub fn judge(&mut self, mail: &mut Mail, macros: &Macros) -> Say {
        match &self.standing {
            Standing::Asked => {}
            Standing::Failed(reply) => return Say::Refuse(reply.clone()),
            Standing::PassesMessage | Standing::PassesSession => return Say::Go,
        }
        let said = self.show(mail, macros);
        self.heard(said, Stage::End)
    }

    fn heard(&mut self, said: Result<Response, Fault>, stage: Stage) -> Say {
        let session = matches!(stage, Stage::Connect | Stage::Helo);
        match said {
            Ok(Response::Accept) => {
                self.standing = if session { Standing::PassesSession } else { Standing::PassesMessage };
                Say::Go
            }
            Ok(Response::Refuse(reply)) => Say::Refuse(reply),
            Ok(Response::Discard) if !session => Say::Discard,
            Ok(Response::Continue | Response::Skip) => Say::Go,
            Ok(Response::GivesUp) => self.fail(&Fault("it gives up".to_owned())),
            Ok(_) => self.fail(&Malformed("an answer out of place").into()),
            Err(fault) => self.fail(&fault),
        }
    }

    fn fail(&mut self, fault: &Fault) -> Say {
        let outcome = match self.milter.away {
            Away::Accept => "mail passes without it",
            Away::Tempfail => "mail is refused for now",
            Away::Reject => "mail is refused",
        };
        LOG.error(format_args!("unable to use the mail filter {} ({}): {fault}; {outcome}", self.milter.name, self.rule()));
        self.link = None;
        if self.milter.away == Away::Accept {
            self.standing = Standing::PassesSession;
            return Say::Go;
        }
        let reply = Reply::away(self.milter.away == Away::Reject);
        self.standing = Standing::Failed(reply.clone());
        Say::Refuse(reply)
    }

    /// One step; [`Response::Continue`] where none is awaited.
    fn step(&mut self, step: &Step, macros: &Macros, until: Instant) -> Result<Response, Fault> {
        self.under_way |= step.stage == Stage::Mail;
        let mut out = Vec::with_capacity(step.packet.len() + 256);
        let values = macros.of(step.stage, &self.agreed);
        if !values.is_empty() {
            command::macros(&mut out, step.command, &values);
        }
        if step.unwanted != 0 && self.agreed.has(step.unwanted) {
            // Its macros are wanted at later steps all the same.
            self.link()?.send(&out, until)?;
            return Ok(Response::Continue);
        }
        out.extend_from_slice(&step.packet);
        self.say(&out, step.silent, until)
    }

    /// Sends packets and awaits the answer, unless it was agreed that there is none.
    fn say(&mut self, packets: &[u8], silent: u32, until: Instant) -> Result<Response, Fault> {
        let until = until.min(Instant::now() + self.milter.timeout);
        self.link()?.send(packets, until)?;
        if silent != 0 && self.agreed.has(silent) {
            return Ok(Response::Continue);
        }
        self.hear(until)
    }

    fn hear(&mut self, until: Instant) -> Result<Response, Fault> {
        loop {
            let frame = self.link()?.receive(until)?;
            match Response::parse(&frame)? {
                Response::Progress => {}
                response => return Ok(response),
            }
        }
    }

    fn link(&mut self) -> Result<&mut Link, Fault> {
        self.link.as_mut().ok_or_else(|| Fault("it is not connected".to_owned()))
    }

    /// A command without an answer; a filter that is gone has no use for it.
    fn send_bare(&mut self, letter: u8) {
        let until = Instant::now() + self.milter.timeout;
        let mut out = Vec::new();
        command::bare(&mut out, letter);
        if let Some(link) = &mut self.link
            && link.send(&out, until).is_err()
        {
            self.link = None;
        }
    }

    /// The whole message, step by step, until the filter has said its last word.
    fn show(&mut self, mail: &mut Mail, macros: &Macros) -> Result<Response, Fault> {
        let until = Instant::now() + self.milter.message;
        for part in [Filter::show_data, Filter::show_header, Filter::show_body] {
            match part(self, mail, macros, until)? {
                Response::Continue | Response::Skip => {}
                last => return Ok(last),
            }
        }
        self.show_end(mail, macros, until)
    }

    fn show_data(&mut self, _mail: &Mail, macros: &Macros, until: Instant) -> Result<Response, Fault> {
        if !self.agreed.wants_data() {
            return Ok(Response::Continue);
        }
        self.bare_step(Stage::Data, b'T', steps::NO_DATA, steps::SILENT_DATA, macros, until)
    }

    fn show_header(&mut self, mail: &Mail, macros: &Macros, until: Instant) -> Result<Response, Fault> {
        let spaced = self.agreed.has(steps::LEADING_SPACE);
        if !self.agreed.has(steps::NO_HEADER) {
            for field in mail.header.fields() {
                let mut packet = Vec::new();
                command::header(&mut packet, field.name(), field.value(spaced));
                match self.say(&packet, steps::SILENT_HEADER, until)? {
                    Response::Continue => {}
                    last => return Ok(last),
                }
            }
        }
        self.bare_step(Stage::EndOfHeader, b'N', steps::NO_END_OF_HEADER, steps::SILENT_END_OF_HEADER, macros, until)
    }

    fn show_body(&mut self, mail: &Mail, _macros: &Macros, until: Instant) -> Result<Response, Fault> {
        if self.agreed.has(steps::NO_BODY) {
            return Ok(Response::Continue);
        }
        let mut buffer = vec![0; command::PIECE];
        let mut from = 0;
        loop {
            let piece = mail.body(from, &mut buffer).map_err(|error| Fault(format!("unable to read the message for it: {error}")))?;
            if piece.is_empty() {
                return Ok(Response::Continue);
            }
            from += piece.len() as u64;
            let mut packet = Vec::with_capacity(piece.len() + 8);
            command::body(&mut packet, piece);
            match self.say(&packet, steps::SILENT_BODY, until)? {
                Response::Continue => {}
                last => return Ok(last),
            }
        }
    }

    /// The end of the message: changes come before the verdict and count only if that lets the message pass.
    fn show_end(&mut self, mail: &mut Mail, macros: &Macros, until: Instant) -> Result<Response, Fault> {
        let (mut changes, mut size) = (Vec::new(), 0_u64);
        let mut response = self.bare_step(Stage::End, b'E', 0, 0, macros, until)?;
        while let Response::Change(change) = response {
            self.check(&change)?;
            size += change.size() as u64;
            changes.push(change);
            if changes.len() > MOST_CHANGES || size > mail.most() {
                return Ok(self.too_much("it wants more changes than one message may have"));
            }
            response = self.hear(until.min(Instant::now() + self.milter.timeout))?;
        }
        self.under_way = false;
        if matches!(response, Response::Continue | Response::Accept)
            && let Err(reason) = mail.apply(changes, self.agreed.has(steps::LEADING_SPACE))
        {
            return Ok(self.too_much(&reason));
        }
        Ok(response)
    }

    /// It did its work, and we cannot do what it wants: that is not the same as being away, or a message could spare itself
    /// a filter by asking much of it.
    fn too_much(&mut self, reason: &str) -> Response {
        LOG.error(format_args!(
            "unable to do what the mail filter {} ({}) wants: {reason}; mail is refused for now",
            self.milter.name,
            self.rule()
        ));
        self.link = None;
        self.standing = Standing::Failed(Reply::unavailable());
        Response::Refuse(Reply::unavailable())
    }

    fn check(&self, change: &Change) -> Result<(), Fault> {
        if self.agreed.may(change.action()) { Ok(()) } else { Err(Malformed("a change that was not agreed upon").into()) }
    }

    fn bare_step(
        &mut self,
        stage: Stage,
        command: u8,
        unwanted: u32,
        silent: u32,
        macros: &Macros,
        until: Instant,
    ) -> Result<Response, Fault> {
        let mut packet = Vec::new();
        command::bare(&mut packet, command);
        self.step(&Step { stage, command, unwanted, silent, packet }, macros, until)
    }
}
