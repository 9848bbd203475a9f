//! Every decision about MAIL and RCPT, without any I/O of its own.
//!
//! Security stance: a recipient is decided on the parsed, canonical address, and that same value goes into the envelope,
//! so the domain that was checked is the domain that is routed. What is not expressly allowed is refused. Local parts that
//! another host might take for a route (`a%b`, `a!b`, `"a@b"`) pass for relay clients alone: a host behind us that trusts
//! us could otherwise be made to relay.
//!
//! How it fails: with a [`Refusal`] that names file and line; a list that cannot be asked is a temporary refusal.

use std::borrow::Cow;

use stafett_address::{Domain, Mailbox, Path};
use stafett_control::form::who::Client as Who;
use stafett_envelope::{Envelope, Recipient, Ret};
use stafett_route::Listed;
use stafett_smtp::Reply;
use stafett_smtp::parameters::{self, Body, MailParameters, RcptParameters};

use crate::checks::{self, Context, srs};
use crate::client::{Client, StartTls};
use crate::refusal::{Refusal, Subject};
use crate::services::{Note, Services};
use crate::session::Session;
use crate::settings::Settings;

/// Announced messages of at least this size are asked about before they come, in bytes.
const ASK_ROOM_FROM: u64 = 1024 * 1024;

/// One mail transaction: what MAIL began, RCPT fills and DATA takes away.
#[derive(Debug)]
pub struct Transaction {
    /// What will be queued.
    pub envelope: Envelope,
    /// The largest message in bytes; 0 = no limit.
    pub databytes: u64,
    /// What lists the sender as bad.
    bad_sender: Option<String>,
}

/// The admin's rules for one client.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// The control files.
    pub settings: &'a Settings,
    /// The client and its rule.
    pub client: &'a Client,
}

impl Policy<'_> {
    /// The largest message in bytes; 0 = no limit.
    pub fn databytes(&self) -> u64 {
        self.client.databytes.unwrap_or(self.settings.databytes)
    }

    /// Decides about MAIL.
    ///
    /// # Errors
    /// The refusal.
    pub fn begin(
        &self,
        path: Path,
        parameters: MailParameters,
        session: &mut Session,
        services: &mut dyn Services,
    ) -> Result<Transaction, Box<Refusal>> {
        let (sender, bad_sender) = self.sender(path, parameters.utf8)?;
        if bad_sender.is_none() {
            services.note(&Note { check: "badmailfrom", rule: "", text: "the sender is not listed" });
        }
        self.check_size(parameters.size.unwrap_or(0), &sender, services)?;
        if parameters.require_tls && !self.offers_require_tls(session) {
            return Err(Refusal::new(needs_tls(), "syntax", Subject::from(sender)));
        }
        let envelope = Envelope {
            sender,
            eight_bit: parameters.body == Body::EightBit,
            smtputf8: parameters.utf8,
            require_tls: parameters.require_tls,
            ret: parameters.ret.map(ret),
            envid: parameters.envid,
            ..Envelope::default()
        };
        let mut transaction = Transaction { envelope, databytes: self.databytes(), bad_sender };
        let done = checks::sender(&mut Context { policy: *self, session, services }, &mut transaction);
        done.map_err(|refusal| of_sender(refusal, &transaction)).map(|()| transaction)
    }

    /// Decides about RCPT; adds the recipient when it may have mail.
    ///
    /// # Errors
    /// The refusal.
    pub fn add(
        &self,
        transaction: &mut Transaction,
        path: Path,
        parameters: RcptParameters,
        session: &mut Session,
        services: &mut dyn Services,
    ) -> Result<(), Box<Refusal>> {
        let decided = self.decide(transaction, path, &parameters, session, services).and_then(|(mailbox, returns)| {
            checks::recipient(&mut Context { policy: *self, session, services }, transaction, &mailbox, returns)?;
            Ok(mailbox)
        });
        let mailbox = decided.map_err(|refusal| {
            checks::refused(&mut Context { policy: *self, session, services }, transaction, &refusal);
            of_sender(refusal, transaction)
        })?;
        transaction.envelope.recipients.push(Recipient {
            address: mailbox.to_string(),
            notify: parameters.notify.map(|notify| notify.to_string()),
            orcpt: parameters.orcpt,
            ..Recipient::default()
        });
        Ok(())
    }

    /// The canonical recipient, if the rules of SMTP, of the client and of rcpthosts let it pass; and whether it is the sender of
    /// what we have sent on.
    fn decide(
        &self,
        transaction: &Transaction,
        path: Path,
        parameters: &RcptParameters,
        session: &Session,
        services: &mut dyn Services,
    ) -> Result<(Mailbox, bool), Box<Refusal>> {
        let shown = shown(&path);
        self.check_client(transaction, &shown)?;
        let taken_back = match &path {
            Path::Mailbox(mailbox) => {
                let is_open = transaction.envelope.sender.is_empty() || self.is_trusted(session);
                srs::reverse(*self, mailbox, is_open, services)?
            }
            Path::Bare(_) | Path::Null => None,
        };
        let returns = taken_back.is_some();
        let mailbox = taken_back.map_or_else(|| self.recipient(path, session, services), Ok)?;
        let utf8 = !mailbox.is_ascii() || parameters.orcpt.as_deref().is_some_and(|orcpt| !orcpt.is_ascii());
        if utf8 && !transaction.envelope.smtputf8 {
            return Err(Refusal::new(needs_utf8(), "syntax", Subject::to(&shown)));
        }
        self.check_count(transaction, &shown)?;
        Ok((mailbox, returns))
    }

    /// The canonical sender, and what lists it as bad; that refusal comes at RCPT, where clients expect it.
    fn sender(&self, path: Path, utf8: bool) -> Result<(String, Option<String>), Box<Refusal>> {
        match path {
            Path::Null => Ok((String::new(), None)),
            Path::Bare(local) => {
                let reply = Reply::new(553, (5, 1, 7), "sender address without a domain");
                Err(Refusal::new(reply, "syntax", Subject::from(local)))
            }
            Path::Mailbox(mailbox) if !mailbox.is_ascii() && !utf8 => {
                Err(Refusal::new(needs_utf8(), "syntax", Subject::from(mailbox.to_string())))
            }
            Path::Mailbox(mailbox) => Ok((mailbox.to_string(), self.bad_sender(&mailbox))),
        }
    }

    /// Whether the client may send to anywhere, which spares it all doubts about where it comes from.
    pub fn is_trusted(&self, session: &Session) -> bool {
        self.trust(session).is_some()
    }

    fn check_size(&self, size: u64, sender: &str, services: &mut dyn Services) -> Result<(), Box<Refusal>> {
        let limit = self.databytes();
        if limit > 0 && size > limit {
            return Err(Refusal::new(too_large(), self.databytes_rule(), Subject::from(sender).count(format!("bytes {size}"))));
        }
        if size >= ASK_ROOM_FROM {
            services.room(size).map_err(|reply| Refusal::new(reply, "queue", Subject::from(sender).count(format!("bytes {size}"))))?;
        }
        Ok(())
    }

    /// What refuses every recipient of this client or sender.
    fn check_client(&self, transaction: &Transaction, recipient: &str) -> Result<(), Box<Refusal>> {
        if let Some(bounce) = &self.client.bounce {
            let (code, enhanced) = if bounce.permanent { (553, (5, 7, 1)) } else { (451, (4, 7, 1)) };
            return Err(Refusal::new(Reply::new(code, enhanced, bounce.text.clone()), bounce.rule, Subject::to(recipient)));
        }
        if let Some(rule) = self.bad_network() {
            let reply = Reply::new(553, (5, 7, 1), "sorry, your network is in my badmailfrom list (#5.7.1)");
            return Err(Refusal::new(reply, rule, Subject::to(recipient)));
        }
        if let Some(rule) = &transaction.bad_sender {
            let reply = Reply::new(553, (5, 7, 1), "sorry, your envelope sender is in my badmailfrom list (#5.7.1)");
            return Err(Refusal::new(reply, rule.clone(), Subject::to(recipient)));
        }
        Ok(())
    }

    fn recipient(&self, path: Path, session: &Session, services: &mut dyn Services) -> Result<Mailbox, Box<Refusal>> {
        let shown = shown(&path);
        let mailbox = match path {
            Path::Bare(local) if local.eq_ignore_ascii_case("postmaster") => {
                services.note(&Note { check: "rcpthosts", rule: "", text: "postmaster without a domain is heard everywhere" });
                return self.postmaster(&shown);
            }
            Path::Bare(local) => return self.relay(&local, session).map_or_else(|| Err(no_domain(&shown)), |(_, relayed)| relayed),
            Path::Null => return Err(no_domain(&shown)),
            Path::Mailbox(mailbox) => self.at_our_name(mailbox),
        };
        match self.relay(&mailbox.raw(), session) {
            Some((rule, relayed)) => {
                services.note(&Note { check: "relay", rule: &rule, text: "this client may send to anywhere" });
                relayed
            }
            None => self.listed(mailbox, &shown, services),
        }
    }

    /// RFC 5321 §4.1.1.3: postmaster needs no domain, and is heard everywhere.
    fn postmaster(&self, shown: &str) -> Result<Mailbox, Box<Refusal>> {
        let domain = Domain::parse(&self.settings.me);
        let mailbox = domain.and_then(|domain| Mailbox::new("postmaster", domain));
        mailbox.map_err(|_| no_domain(shown))
    }

    /// A recipient at our own address literal is one at our name (qmail-smtpd(8), localiphost).
    fn at_our_name(&self, mailbox: Mailbox) -> Mailbox {
        match mailbox.domain() {
            Domain::Literal(ip) if Some(ip.to_canonical()) == self.client.local_ip => {
                mailbox.with_domain(self.settings.local_ip_host.clone())
            }
            _ => mailbox,
        }
    }

    /// Whether the client may send to anywhere: what says so, and what is appended to its recipients.
    pub fn trust(&self, session: &Session) -> Option<(Cow<'static, str>, &str)> {
        if let Some(suffix) = &self.client.relay {
            return Some((Cow::Borrowed("rule RELAYCLIENT"), suffix));
        }
        let account = session.account.as_ref().map(|account| format!("account {}", account.name));
        let line = || self.certificate_line(session).map(|line| format!("control/tlsclients:{line}"));
        account.or_else(line).map(|rule| (Cow::Owned(rule), ""))
    }

    /// Whether the client may send to anywhere because of what it is, whoever uses it.
    pub fn relays(&self, session: &Session) -> bool {
        self.client.relay.is_some() || self.certificate_line(session).is_some()
    }

    fn certificate_line(&self, session: &Session) -> Option<usize> {
        let fingerprint = session.tls.as_ref()?.fingerprint.as_ref()?;
        self.settings.tls_clients.get(fingerprint).copied()
    }

    /// The client as lines of control files mean clients.
    pub fn who<'b>(&self, session: &'b Session) -> Who<'b> {
        let account = session.account.as_ref();
        let classes = account.map_or(&[][..], |account| &account.classes);
        Who { ip: self.client.ip, relay: self.relays(session), account: account.map(|account| account.name.as_str()), classes }
    }

    /// Whether STARTTLS is offered.
    pub fn offers_tls(&self, session: &Session) -> bool {
        session.tls.is_none()
            && match self.client.starttls {
                StartTls::Unsaid => self.settings.certificates,
                StartTls::Off => false,
                StartTls::Offered | StartTls::Required => true,
            }
    }

    /// Whether REQUIRETLS is offered: under TLS, where the message comes into our own queue, which remembers it.
    pub fn offers_require_tls(&self, session: &Session) -> bool {
        session.tls.is_some() && self.client.queue_program.is_none()
    }

    /// RFC 3207 §4: mail that is taken under TLS alone.
    pub fn lacks_tls(&self, session: &Session) -> bool {
        session.tls.is_none() && (self.client.tls_required || self.client.starttls == StartTls::Required)
    }

    /// RFC 6409 §4.3: on a port for submission nobody sends mail whom we do not know.
    pub fn lacks_account(&self, session: &Session) -> bool {
        let Some(submission) = self.client.submission else { return false };
        session.account.is_none() && !(submission.relay_client && self.relays(session))
    }

    /// For a relay client what makes it one, and the address with the value of RELAYCLIENT behind it; nothing for others.
    fn relay(&self, raw: &str, session: &Session) -> Option<Relayed> {
        let (rule, suffix) = self.trust(session)?;
        let appended = format!("{raw}{suffix}");
        let mailbox = Mailbox::from_raw(&appended).map_err(|error| {
            let reply = Reply::new(553, (5, 1, 3), error.to_string());
            Refusal::new(reply, rule.clone(), Subject::to(&appended))
        });
        Some((rule, mailbox))
    }

    fn listed(&self, mailbox: Mailbox, shown: &str, services: &mut dyn Services) -> Result<Mailbox, Box<Refusal>> {
        match self.settings.rcpthosts.look_up(mailbox.domain()) {
            Ok(Listed::Nowhere) => {
                let reply = Reply::new(553, (5, 7, 1), "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)");
                Err(Refusal::new(reply, "control/rcpthosts", Subject::to(shown)))
            }
            Ok(_) if is_routed(&mailbox) => Err(routed(shown)),
            Ok(listed) => {
                if services.explains() {
                    let rule = match listed {
                        Listed::Line(line) => format!("control/rcpthosts:{line}"),
                        _ => "control/morercpthosts.cdb".to_owned(),
                    };
                    let text = format!("mail for {} is accepted", mailbox.domain());
                    services.note(&Note { check: "rcpthosts", rule: &rule, text: &text });
                }
                Ok(mailbox)
            }
            Err(_) => {
                let reply = Reply::new(451, (4, 3, 0), "unable to look up that domain, try again later");
                Err(Refusal::new(reply, "control/morercpthosts.cdb", Subject::to(shown)))
            }
        }
    }

    fn check_count(&self, transaction: &Transaction, shown: &str) -> Result<(), Box<Refusal>> {
        let (limit, rule) = match self.client.max_recipients {
            Some(limit) => (limit, "rule MAXRECIPIENTS"),
            None => (self.settings.max_recipients, "control/maxrecipients"),
        };
        if transaction.envelope.recipients.len() as u64 >= limit {
            return Err(Refusal::new(too_many_recipients(), rule, Subject::to(shown)));
        }
        Ok(())
    }

    /// What set the largest message.
    pub fn databytes_rule(&self) -> &'static str {
        if self.client.databytes.is_some() { "rule DATABYTES" } else { "control/databytes" }
    }
}

/// Whether the local part may name another place to some other host.
pub fn is_routed(mailbox: &Mailbox) -> bool {
    mailbox.local().contains(['@', '%', '!'])
}

/// The refusal of such a recipient.
pub fn routed(shown: &str) -> Box<Refusal> {
    let reply = Reply::new(553, (5, 7, 1), "sorry, no routing in the local part of an address (#5.7.1)");
    Refusal::new(reply, "routing", Subject::to(shown))
}

/// What makes a client a relay client, and what becomes of its recipient.
type Relayed = (Cow<'static, str>, Result<Mailbox, Box<Refusal>>);

/// The reply for a message that is too large.
pub fn too_large() -> Reply {
    Reply::new(552, (5, 3, 4), "sorry, that message size exceeds my databytes limit (#5.3.4)")
}

/// The reply for a recipient too many; alone among refusals it is not held against the client.
fn too_many_recipients() -> Reply {
    Reply::new(452, (4, 5, 3), "too many recipients, send the others in another transaction")
}

/// Every refusal names the sender.
fn of_sender(mut refusal: Box<Refusal>, transaction: &Transaction) -> Box<Refusal> {
    refusal.subject.from.clone_from(&transaction.envelope.sender);
    refusal
}

/// REQUIRETLS where it was not offered.
fn needs_tls() -> Reply {
    Reply::new(530, (5, 7, 10), "REQUIRETLS is not taken on this connection")
}

fn needs_utf8() -> Reply {
    Reply::new(553, (5, 6, 7), "this address needs SMTPUTF8")
}

fn no_domain(shown: &str) -> Box<Refusal> {
    Refusal::new(Reply::new(553, (5, 7, 1), "sorry, that address has no domain (#5.7.1)"), "syntax", Subject::to(shown))
}

fn shown(path: &Path) -> String {
    match path {
        Path::Null => String::new(),
        Path::Bare(local) => local.clone(),
        Path::Mailbox(mailbox) => mailbox.to_string(),
    }
}

fn ret(ret: parameters::Ret) -> Ret {
    match ret {
        parameters::Ret::Full => Ret::Full,
        parameters::Ret::Headers => Ret::Headers,
    }
}
