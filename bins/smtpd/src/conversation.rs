//! One conversation with one client, from the greeting to the end: the loop that joins channel, dialogue and queue.
//!
//! How it fails: every way out is an [`End`]; those that the client can still hear get their 421 (RFC 5321 §3.8).

use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use stafett_ask::Calls;
use stafett_instance::Instance;
use stafett_log::Log;
use stafett_smtp::Reply;
use stafett_smtp::decode::{Decoder, Flaw, LineCheck};

use crate::channel::{Channel, End};
use crate::front;
use crate::message::{Message, Stored};
use crate::outside::Outside;
use crate::queue::Queue;
use crate::record::Record;
use crate::tls::{Link, Partner};
use stafett_reception::client::Client;
use stafett_reception::dialogue::{Dialogue, Step, Target};
use stafett_reception::front::Introduction;
use stafett_reception::policy::{Policy, Transaction};
use stafett_reception::refusal::Refusal;
use stafett_reception::session::{Greeted, Tls};
use stafett_reception::settings::Settings;
use stafett_ucspi::Environment;

/// What a conversation needs besides its connection.
#[derive(Debug)]
pub struct Surroundings {
    /// The way to queued.
    pub queue: Queue,
    /// Where the services are.
    pub instance: Instance,
    /// Connections to them that a child keeps for its next question, or its client's next conversation. The parent asks nothing.
    pub calls: Calls,
    /// The child of stafett-tls that took the client's last connection, for the next one.
    pub link: Option<Link>,
    /// The program's voice.
    pub log: Log,
    /// Whether only faults are logged.
    pub quiet: bool,
    /// The variables that every client has, the listener's own among them, without those of a connection or a rule.
    pub base: Environment,
}

/// Serves one client.
pub fn converse(mut channel: Channel, settings: &Settings, client: &Client, around: &mut Surroundings) {
    let mut other = if settings.fronts.is_proxy(client) {
        let Some(named) = front::announced(&mut channel, settings, client, around) else { return };
        Some(named)
    } else {
        None
    };
    let mut before = None;
    loop {
        let client = other.as_ref().unwrap_or(client);
        let Some((who, tls)) = talk(&mut channel, settings, client, around, before) else { return };
        before = Some(tls);
        let Some(named) = front::named(&mut channel, settings, client, &who, around) else { return };
        other = Some(named);
    }
}

/// Whom a client has named in its place, and what was agreed on if the connection is under TLS.
type Named = (Introduction, Option<Tls>);

/// One client, until it ends or has named another one. `before` is there when it was named by another one: whoever names
/// clients is no stranger that could talk too early.
fn talk(
    channel: &mut Channel,
    settings: &Settings,
    client: &Client,
    around: &mut Surroundings,
    before: Option<Option<Tls>>,
) -> Option<Named> {
    let record = Record::new(around.log, around.quiet, client);
    let policy = Policy { settings, client };
    let mut dialogue = Dialogue::new(policy);
    let waits = before.is_none();
    dialogue.carried(before.flatten());
    let Surroundings { queue, instance, calls, link, log, .. } = around;
    let outside = Outside { queue, instance, calls, log: *log, client: client.address() };
    Conversation { channel, policy, dialogue, outside, link, record, named: None, waits }.run()
}

/// A message that comes in chunks, with the check of its line ends.
#[derive(Debug)]
struct Chunked<'a> {
    message: Message<'a>,
    check: LineCheck,
}

struct Conversation<'a> {
    channel: &'a mut Channel,
    policy: Policy<'a>,
    dialogue: Dialogue<'a, Chunked<'a>>,
    outside: Outside<'a>,
    /// Where TLS was taken care of last.
    link: &'a mut Option<Link>,
    record: Record<'a>,
    /// Whom this client has named in its place.
    named: Option<Introduction>,
    /// It may have to wait for its greeting.
    waits: bool,
}

impl<'a> Conversation<'a> {
    fn run(mut self) -> Option<Named> {
        let end = match self.serve() {
            Ok(never) => match never {},
            Err(end) => end,
        };
        if let Some(farewell) = farewell(&end) {
            // the client may be gone; there is nobody else to tell
            let _ = self.channel.say(&farewell);
        }
        let _ = self.channel.flush();
        self.dialogue.close(&mut self.outside);
        if matches!(end, End::Errors | End::Commands | End::SessionTime) {
            self.channel.linger();
        }
        self.record.end(&end, self.dialogue.greeted());
        let tls = self.dialogue.tls().cloned();
        self.named.map(|who| (who, tls))
    }

    fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        if self.policy.client.tls_first && self.waits {
            let partner = self.partner().map_err(|reason| End::Failed(io::Error::other(reason)))?;
            self.secure(partner)?;
        }
        let delay = self.policy.greet_delay();
        if delay.is_zero() || !self.waits {
            self.record.early = self.channel.has_input();
        } else if self.channel.speaks_within(delay)? {
            self.record.early = true;
            self.dialogue.heard_early();
        }
        if let Err(refusal) = self.dialogue.open(&mut self.outside) {
            self.refuse(&refusal)?;
            self.channel.flush()?;
            // what it has said is unread
            self.channel.linger();
            return Err(End::Quit);
        }
        self.channel.say(&Reply::plain(220, self.policy.settings.greeting.clone()))?;
        loop {
            let line = self.channel.line()?;
            let heard = Instant::now();
            let step = match line {
                Some(line) => self.dialogue.serve(line, &mut self.outside),
                None => self.dialogue.too_long(),
            };
            self.record.commands += 1;
            if self.record.commands > self.policy.settings.max_commands {
                return Err(End::Commands);
            }
            self.act(step, heard)?;
        }
    }

    /// Does what follows from a line that was heard then.
    fn act(&mut self, step: Step<Chunked<'a>>, heard: Instant) -> Result<(), End> {
        match step {
            Step::Say(reply) => {
                self.slow_down()?;
                self.say(&reply)
            }
            Step::Refuse(refusal) => {
                self.slow_down()?;
                self.refuse(&refusal)
            }
            Step::RefuseLate(refusal, delay) => {
                self.slow_down()?;
                // however long it took to find out
                self.channel.pause(delay.saturating_sub(heard.elapsed()))?;
                self.refuse(&refusal)
            }
            Step::Authenticated { reply, mechanism } => {
                self.record.logged_in(mechanism.name(), self.dialogue.account(), self.dialogue.greeted());
                self.say(&reply)
            }
            Step::Receive(transaction) => self.receive(transaction),
            Step::Chunk { target, size, last } => self.chunk(target, size, last),
            Step::Skip(size, reply) => {
                self.pass(size, |_| ())?;
                self.say(&reply)
            }
            Step::Replace(who) => {
                self.named = Some(who);
                Err(End::Replaced)
            }
            Step::StartTls(reply) => match self.partner() {
                Ok(partner) => {
                    self.channel.say(&reply)?;
                    self.channel.flush()?;
                    self.secure(partner)
                }
                Err(reason) => {
                    self.outside.log.error(reason);
                    self.say(&Reply::new(454, (4, 7, 0), "TLS is not available for now"))
                }
            },
            Step::End(reply) => {
                self.channel.say(&reply)?;
                Err(End::Quit)
            }
        }
    }

    /// Makes a client wait that has asked for much or erred often.
    fn slow_down(&mut self) -> Result<(), End> {
        let delay = self.policy.tarpit(self.dialogue.recipients(), self.record.errors);
        if delay.is_zero() { Ok(()) } else { self.channel.pause(delay) }
    }

    fn partner(&mut self) -> Result<Partner, String> {
        Partner::call(self.outside.instance, &self.policy.client.environment, self.link.take())
    }

    fn secure(&mut self, partner: Partner) -> Result<(), End> {
        let binds = self.policy.settings.auth.binds();
        let secured = partner.shake_hands(self.channel.client(), binds).map_err(|reason| End::Failed(io::Error::other(reason)))?;
        self.channel.secure(secured.input, secured.output);
        *self.link = secured.link;
        self.record.secured(&secured.tls);
        self.dialogue.secured(secured.tls);
        Ok(())
    }

    /// Answers; too many errors end the session.
    fn say(&mut self, reply: &Reply) -> Result<(), End> {
        self.channel.say(reply)?;
        // 452: a recipient too many is how a client learns the limit, and a full disk is no fault of its own
        if reply.is_failure() && reply.code() != 452 {
            self.record.errors += 1;
        }
        if self.record.errors >= self.policy.settings.max_errors { Err(End::Errors) } else { Ok(()) }
    }

    fn refuse(&mut self, refusal: &Refusal) -> Result<(), End> {
        self.record.refuse(refusal, self.dialogue.greeted());
        self.say(&refusal.reply)?;
        // RFC 5321 section 3.8: 421 is the last word of a connection
        if refusal.reply.code() == 421 { Err(End::Quit) } else { Ok(()) }
    }

    /// DATA: the message up to its dot.
    fn receive(&mut self, transaction: Transaction) -> Result<(), End> {
        let mut message = self.begin(transaction);
        self.channel.say(&Reply::plain(354, "go ahead, end with a dot on a line of its own"))?;
        let mut decoder = Decoder::new();
        while !decoder.is_ended() {
            let data = self.channel.data()?;
            let used = decoder.feed(data, |bytes| message.take(bytes));
            self.channel.consume(used);
        }
        self.finish(message, decoder.flaw())
    }

    /// BDAT: so many bytes of a message (RFC 3030).
    fn chunk(&mut self, target: Target<Chunked<'a>>, size: u64, last: bool) -> Result<(), End> {
        let mut chunked = match target {
            Target::First(transaction) => Chunked { message: self.begin(transaction), check: LineCheck::new() },
            Target::Next(chunked) => chunked,
        };
        self.pass(size, |bytes| {
            chunked.check.feed(bytes);
            chunked.message.take(bytes);
        })?;
        if !last {
            self.dialogue.resume(chunked);
            return self.say(&Reply::new(250, (2, 0, 0), format!("{size} bytes received")));
        }
        let Chunked { mut message, check } = chunked;
        match check.finish() {
            Ok(line_end) => {
                message.take(line_end);
                self.finish(message, None)
            }
            Err(flaw) => self.finish(message, Some(flaw)),
        }
    }

    /// Passes on so many bytes of the connection.
    fn pass(&mut self, size: u64, mut keep: impl FnMut(&[u8])) -> Result<(), End> {
        let mut left = size;
        while left > 0 {
            let data = self.channel.data()?;
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let bytes = data.get(..most).unwrap_or(data);
            let used = bytes.len();
            keep(bytes);
            self.channel.consume(used);
            left -= used as u64;
        }
        Ok(())
    }

    fn begin(&self, transaction: Transaction) -> Message<'a> {
        let greeted = self.dialogue.greeted().cloned();
        let greeted = greeted.unwrap_or_else(|| Greeted { name: String::new(), extended: false });
        let spool = self.dialogue.judges(&transaction).then(|| self.outside.instance.spool());
        Message::new(
            transaction,
            self.policy,
            self.outside.queue,
            spool.as_deref(),
            (&greeted, self.dialogue.tls(), self.dialogue.account().is_some()),
        )
    }

    fn finish(&mut self, message: Message<'a>, flaw: Option<Flaw>) -> Result<(), End> {
        let judged = message.finish(flaw, |draft| self.dialogue.judge(draft, &mut self.outside));
        match judged {
            Ok(stored) => {
                self.record.accept(&stored, self.dialogue.greeted());
                self.dialogue.accepted(stored.envelope.recipients.len(), &mut self.outside);
                self.channel.say(&accepted(&stored))
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }
}

/// qmail-smtpd's words: analysis scripts look for `qp`.
fn accepted(stored: &Stored) -> Reply {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Reply::new(250, (2, 0, 0), format!("ok {now} qp {}", stored.id))
}

fn farewell(end: &End) -> Option<Reply> {
    let (enhanced, words) = match end {
        End::Quit | End::Closed | End::Replaced | End::Failed(_) => return None,
        End::Timeout => ((4, 4, 2), "timeout (#4.4.2)"),
        End::SessionTime => ((4, 4, 2), "this session has lasted too long"),
        End::Shutdown => ((4, 3, 2), "this service is being restarted, try again later"),
        End::Errors => ((4, 7, 0), "too many errors"),
        End::Commands => ((4, 7, 0), "too many commands"),
    };
    Some(Reply::new(421, enhanced, words))
}
