//! One SMTP session: smtpd's questions in, the filters asked in their order, an answer out.
//!
//! What it does: `connect`, `helo`, `mail`, `rcpt` and `message`, each one packet of netstrings; stafett-protocols(7) has
//! the fields. A new `mail` or `helo` ends what the last one began. The session ends when smtpd hangs up.
//!
//! How it fails: a packet that is no question ends the session, and smtpd takes that for a service that is away.

use crate::LOG;
use crate::filter::{Filter, Say, Step};
use crate::macros::{self, Macros};
use crate::mail::Mail;
use crate::outcome;
use crate::protocol::command;
use crate::protocol::options::{Stage, steps};
use crate::protocol::reply::Reply;
use crate::settings::Settings;
use stafett_ask::{Answer, Line, Verdict};
use std::fs::File;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};

/// The state of a session.
#[derive(Debug)]
pub struct Session<'a> {
    settings: &'a Settings,
    filters: Vec<Filter>,
    macros: Macros,
    /// The filter that wants this message taken and thrown away.
    discarded_by: Option<String>,
}

/// Serves a session until smtpd hangs up.
pub fn serve(settings: &Settings, socket: OwnedFd) -> i32 {
    let line = Line::new(socket);
    let mut session = Session::new(settings);
    let mut buffer = vec![0; stafett_wire::LARGEST_PACKET];
    let code = loop {
        match line.hear(&mut buffer) {
            Ok(Some(heard)) => {
                let (answer, body) = session.answer(&heard.what, heard.descriptor);
                if let Err(error) = line.answer(&answer, body.as_ref().map(AsFd::as_fd)) {
                    LOG.error(format_args!("unable to answer stafett-smtpd: {error}"));
                    break 111;
                }
            }
            Ok(None) => break 0,
            Err(error) => {
                LOG.error(format_args!("ending a session: {error}"));
                break 111;
            }
        }
    };
    session.quit();
    code
}

impl<'a> Session<'a> {
    /// Before the first question.
    pub fn new(settings: &'a Settings) -> Session<'a> {
        let filters = settings.milters.iter().map(|item| Filter::new(item.line, item.value.clone())).collect();
        let mut macros = Macros::default();
        macros.set("j", settings.me.as_str());
        macros.set("v", concat!("Stafett ", env!("CARGO_PKG_VERSION")));
        macros.set("{daemon_name}", settings.me.as_str());
        macros.set("{if_name}", settings.me.as_str());
        Session { settings, filters, macros, discarded_by: None }
    }

    /// Answers one question; the file is a new body.
    pub fn answer(&mut self, fields: &[Vec<u8>], descriptor: Option<OwnedFd>) -> (Answer, Option<File>) {
        let texts: Vec<&str> = fields.iter().filter_map(|field| std::str::from_utf8(field).ok()).collect();
        let decided = match &texts[..] {
            ["connect", name, ip, port, local_ip, local_port, relay] => {
                self.connect(name, ip.parse().ok(), port.parse().unwrap_or(0), (local_ip, local_port), *relay == "relay")
            }
            ["helo", name, told @ ..] => self.helo(name, told),
            ["mail", tag, sender, parameters @ ..] => self.mail(tag, sender, parameters),
            ["rcpt", recipient, parameters @ ..] => self.recipient(recipient, parameters),
            ["message", ..] => return self.message(fields.get(1..).unwrap_or_default(), descriptor),
            _ => return (Answer::new(Verdict::Temporary, "451 4.3.0 an unknown question to the mail filters"), None),
        };
        (decided.unwrap_or_else(|refusal| refusal), None)
    }

    /// Ends the session with each filter.
    pub fn quit(&mut self) {
        self.filters.iter_mut().for_each(Filter::quit);
    }

    fn connect(&mut self, name: &str, ip: Option<IpAddr>, port: u16, local: (&str, &str), relay: bool) -> Result<Answer, Answer> {
        // A client without a name goes by its address, as with Sendmail.
        let literal = ip.map_or_else(|| "unknown".to_owned(), |ip| format!("[{ip}]"));
        let shown = if name == "unknown" { literal.as_str() } else { name };
        self.macros.set("_", format!("{shown} {literal}"));
        self.macros.set("{client_name}", name);
        self.macros.set("{client_addr}", ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string()));
        self.macros.set("{client_port}", port.to_string());
        for (name, value) in [("{daemon_addr}", local.0), ("{if_addr}", local.0), ("{daemon_port}", local.1)] {
            if !value.is_empty() {
                self.macros.set(name, value);
            }
        }
        for filter in &mut self.filters {
            if filter.milter.skips_client(ip, relay) {
                filter.pass_session();
            }
        }
        let hosts = &self.settings.hosts;
        self.each(|filter, _| filter.open(hosts))?;
        let mut packet = Vec::new();
        command::connect(&mut packet, shown, ip, port);
        self.tell(Step { stage: Stage::Connect, command: b'C', unwanted: steps::NO_CONNECT, silent: steps::SILENT_CONNECT, packet })
    }

    fn helo(&mut self, name: &str, told: &[&str]) -> Result<Answer, Answer> {
        self.reset();
        self.macros.tell(macros::TLS, told);
        let mut packet = Vec::new();
        command::with_arguments(&mut packet, b'H', &[name]);
        self.tell(Step { stage: Stage::Helo, command: b'H', unwanted: steps::NO_HELO, silent: steps::SILENT_HELO, packet })
    }

    fn mail(&mut self, tag: &str, sender: &str, parameters: &[&str]) -> Result<Answer, Answer> {
        self.reset();
        // a keyword of MAIL begins with a letter or a digit (RFC 5321 section 4.1.2)
        let (told, parameters): (Vec<&str>, Vec<&str>) = parameters.iter().partition(|parameter| parameter.starts_with('{'));
        self.macros.tell(macros::ACCOUNT, &told);
        self.macros.set("i", tag);
        self.macros.set("{mail_addr}", sender);
        self.macros.set("{mail_host}", sender.rsplit_once('@').map_or("", |(_, host)| host));
        let packet = with_address(b'M', sender, &parameters);
        self.tell(Step { stage: Stage::Mail, command: b'M', unwanted: steps::NO_MAIL, silent: steps::SILENT_MAIL, packet })
    }

    fn recipient(&mut self, recipient: &str, parameters: &[&str]) -> Result<Answer, Answer> {
        self.macros.set("{rcpt_addr}", recipient);
        self.macros.set("{rcpt_host}", recipient.rsplit_once('@').map_or("", |(_, host)| host));
        let packet = with_address(b'R', recipient, parameters);
        let step = Step { stage: Stage::Rcpt, command: b'R', unwanted: steps::NO_RCPT, silent: steps::SILENT_RCPT, packet };
        self.each(|filter, macros| {
            if filter.milter.skips_recipient(recipient) {
                return Say::Go;
            }
            let said = filter.tell(&step, macros);
            filter.recipients += usize::from(said == Say::Go);
            said
        })
    }

    fn message(&mut self, front: &[Vec<u8>], descriptor: Option<OwnedFd>) -> (Answer, Option<File>) {
        if let Some(rule) = self.discarded_by.take() {
            return (outcome::discarded(&rule), None);
        }
        let Some(descriptor) = descriptor else {
            return (Answer::new(Verdict::Temporary, "451 4.3.0 a question about a message without the message"), None);
        };
        let front: Vec<&[u8]> = front.iter().map(Vec::as_slice).collect();
        let mut mail = match Mail::read(File::from(descriptor), &front) {
            Ok(mail) => mail,
            Err(error) => {
                LOG.error(format_args!("unable to read a message for the mail filters: {error}"));
                return (refusal(&Reply::ours(451, "the message cannot be read for the mail filters"), "milters"), None);
            }
        };
        let mut held_by = None;
        let judged = self.each(|filter, macros| {
            if filter.recipients == 0 {
                return Say::Go;
            }
            let before = mail.envelope.len();
            let said = filter.judge(&mut mail, macros);
            if outcome::holds(mail.envelope.get(before..).unwrap_or_default()) {
                held_by = Some(filter.rule());
            }
            said
        });
        match (judged, self.discarded_by.take()) {
            (Err(refusal), _) => (refusal, None),
            (Ok(_), Some(rule)) => (outcome::discarded(&rule), None),
            (Ok(_), None) => outcome::changed(&mail, held_by.as_deref()),
        }
    }

    fn tell(&mut self, step: Step) -> Result<Answer, Answer> {
        self.each(|filter, macros| filter.tell(&step, macros))
    }

    /// Asks each filter until one refuses; once one discards the message, no other needs to see it.
    fn each(&mut self, mut ask: impl FnMut(&mut Filter, &Macros) -> Say) -> Result<Answer, Answer> {
        for filter in &mut self.filters {
            if self.discarded_by.is_some() {
                break;
            }
            match ask(filter, &self.macros) {
                Say::Go => {}
                Say::Refuse(reply) => return Err(refusal(&reply, &filter.rule())),
                Say::Discard => self.discarded_by = Some(filter.rule()),
            }
        }
        Ok(Answer::new(Verdict::Ok, ""))
    }

    fn reset(&mut self) {
        self.discarded_by = None;
        self.filters.iter_mut().for_each(Filter::reset);
    }
}

fn with_address(command: u8, address: &str, parameters: &[&str]) -> Vec<u8> {
    let bracketed = format!("<{address}>");
    let arguments: Vec<&str> = std::iter::once(bracketed.as_str()).chain(parameters.iter().copied()).collect();
    let mut packet = Vec::new();
    command::with_arguments(&mut packet, command, &arguments);
    packet
}

fn refusal(reply: &Reply, rule: &str) -> Answer {
    let verdict = if reply.is_permanent() { Verdict::Permanent } else { Verdict::Temporary };
    Answer::new(verdict, reply.text()).with(rule.as_bytes())
}
