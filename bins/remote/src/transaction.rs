//! One mail transaction: MAIL, RCPT…, DATA, the message, and a verdict for each recipient.
//!
//! Over LMTP the message is answered once for each recipient that was accepted (RFC 2033 §4.2).
//! With PIPELINING the commands go out in one write and their replies are read one by one (RFC 2920); without, each
//! waits for its reply. Both ways run through the same lines. A message is ended only if all of it was read and at
//! least one recipient was accepted, or if the server insists on DATA (RFC 2920 §3.1: then a lone dot).
//!
//! Fails with [`Stop`]; the ledger holds what was learned before.

use std::time::Duration;

use stafett_smtp::Response;
use stafett_smtp::encode::Stuffer;
use stafett_smtp::response::{Verdict, Wanted};
use stafett_smtp_client::is_speakable;
use stafett_smtp_client::judgement::{self, Judged, Stage};
use stafett_smtp_client::peer::Trouble;
use stafett_smtp_client::session::Session;
use stafett_smtp_client::settings::Patience;

use crate::content::Position;
use crate::ledger::Ledger;
use crate::message::Message;
use crate::script::{MailFacts, Script, mail_parameters, recipient_parameters, reverse_path};
use crate::terms;

/// How long we look for the reason when a server breaks off.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a transaction ended before its time.
#[derive(Debug)]
pub enum Stop {
    /// The connection is of no more use; this is the verdict for whoever has none yet, and for them nothing was taken.
    Lost(Judged),
    /// As `Lost`, but the server may have taken the message, or it is our own file that failed: no other host now.
    Final(Judged),
    /// An old connection turned out to be closed before anything was said on it: a new one is worth a try.
    Stale(Judged),
    /// The server offers PIPELINING and cannot do it: once more, step by step, on a new connection.
    CannotPipeline(Judged),
    /// The server refuses a parameter that it has offered: once more, without any, on a new connection.
    CannotExtend(Judged),
}

/// Delivers to everybody in the ledger without a verdict. `Ok` leaves the connection usable.
///
/// # Errors
/// [`Stop`]; the connection must be closed.
pub fn deliver(session: &mut Session, message: &Message, patience: &Patience, ledger: &mut Ledger, may_pipeline: bool) -> Result<(), Stop> {
    for number in ledger.open() {
        if !recipient(message, number).is_some_and(|one| is_speakable(&one.address)) {
            ledger.judge(number, judgement::unspeakable_address());
        }
    }
    // Each round leaves fewer without a verdict: whoever is "too many" in this one, or needs more, stands in the next.
    loop {
        let group = terms::first_group(&message.envelope, message.with_one_sender(ledger.open()));
        if group.is_empty() {
            return Ok(());
        }
        let facts = match terms::facts(session, message, &group) {
            Ok(facts) => facts,
            Err(judged) => {
                // Others may see another sender, or need less.
                ledger.judge_unless_earlier(&group, &judged);
                continue;
            }
        };
        let pipelined = may_pipeline && session.server.pipelining;
        Transaction { session: &mut *session, message, patience, ledger: &mut *ledger, pipelined, said: 0 }.run(&group, facts)?;
    }
}

fn recipient(message: &Message, number: usize) -> Option<&stafett_envelope::Recipient> {
    message.envelope.recipients.get(number)
}

struct Transaction<'a> {
    session: &'a mut Session,
    message: &'a Message,
    patience: &'a Patience,
    ledger: &'a mut Ledger,
    pipelined: bool,
    /// Commands answered so far.
    said: usize,
}

impl Transaction<'_> {
    fn run(mut self, pending: &[usize], facts: MailFacts) -> Result<(), Stop> {
        let script = self.script(pending, facts);
        self.begin(&script)?;
        let mail = self.ask(&script, Wanted::Completion, self.patience.mail)?;
        if !judgement::is_success(&mail) {
            let judged = judgement::sender_refused(&self.session.place, &mail);
            if script.has_parameters && judgement::blames_parameters(&mail) {
                return Err(Stop::CannotExtend(judged));
            }
            self.judge_alike(pending, &judged);
            return if self.pipelined { self.drain(&script, pending.len()) } else { Ok(()) };
        }
        self.session.needs_reset = true;
        let accepted = self.ask_recipients(&script, pending)?;
        if accepted.is_empty() && !self.pipelined {
            return Ok(());
        }
        let data = self.ask(&script, Wanted::Intermediate, self.patience.data)?;
        if !judgement::is_go_ahead(&data) {
            return self.data_refused(&data, &accepted);
        }
        if accepted.is_empty() {
            return self.lone_dot();
        }
        self.send_message()?;
        self.session.needs_reset = false;
        if self.session.is_lmtp { self.answered_one_by_one(&accepted) } else { self.answered_for_all(&accepted) }
    }

    fn answered_for_all(mut self, accepted: &[usize]) -> Result<(), Stop> {
        let answer = self.answer()?;
        for number in accepted {
            self.judge_answer(*number, &answer);
        }
        self.keep_unless_closing(&answer)
    }

    fn answered_one_by_one(mut self, accepted: &[usize]) -> Result<(), Stop> {
        for number in accepted {
            let answer = self.answer()?;
            self.judge_answer(*number, &answer);
            if judgement::is_closing(&answer) {
                return Err(Stop::Final(judgement::closed_down(&self.session.place, &answer)));
            }
        }
        Ok(())
    }

    fn judge_answer(&mut self, number: usize, answer: &Response) {
        self.ledger.judge(number, judgement::message_answered(self.session, answer));
        if judgement::is_success(answer) && self.session.server.dsn {
            self.ledger.dsn_taken(number);
        }
    }

    /// Reset where the last transaction was left open, MAIL, one RCPT each, DATA.
    fn script(&self, pending: &[usize], facts: MailFacts) -> Script {
        let (envelope, server) = (&self.message.envelope, &self.session.server);
        let mut script = Script::default();
        if self.session.needs_reset {
            script.say(&["RSET"]);
        }
        let parameters = mail_parameters(envelope, facts, server);
        script.has_parameters = !parameters.is_empty();
        script.say(&["MAIL FROM:<", reverse_path(self.message.sender_for(pending)), ">", &parameters]);
        for one in pending.iter().filter_map(|number| recipient(self.message, *number)) {
            let parameters = recipient_parameters(one, server);
            script.has_parameters |= !parameters.is_empty();
            script.say(&["RCPT TO:<", &one.address, ">", &parameters]);
        }
        script.say(&["DATA"]);
        script
    }

    fn begin(&mut self, script: &Script) -> Result<(), Stop> {
        if self.pipelined {
            self.session.peer.send(script.all(), self.patience.block).map_err(|trouble| self.lost(&trouble, Stage::Envelope))?;
        }
        if self.session.needs_reset {
            let reset = self.ask(script, Wanted::Completion, self.patience.opening)?;
            if !judgement::is_success(&reset) {
                return Err(Stop::Stale(judgement::out_of_step(&self.session.place)));
            }
            self.session.needs_reset = false;
        }
        Ok(())
    }

    /// The reply to the next command of the script, which is sent now unless all were sent at once.
    fn ask(&mut self, script: &Script, wanted: Wanted, within: Duration) -> Result<Response, Stop> {
        if !self.pipelined {
            let line = script.line(self.said);
            self.session.peer.send(line, self.patience.block).map_err(|trouble| self.lost(&trouble, Stage::Envelope))?;
        }
        let reply = self.session.peer.reply(within).map_err(|trouble| self.lost(&trouble, Stage::Envelope))?;
        let first = self.said == 0;
        self.said += 1;
        if judgement::is_closing(&reply) {
            let judged = judgement::closed_down(&self.session.place, &reply);
            return Err(if first && self.session.is_used { Stop::Stale(judged) } else { Stop::Lost(judged) });
        }
        if reply.judge(wanted) == Verdict::OutOfStep {
            return Err(Stop::Lost(judgement::out_of_step(&self.session.place)));
        }
        Ok(reply)
    }

    /// Judges whoever is refused; returns the others.
    fn ask_recipients(&mut self, script: &Script, pending: &[usize]) -> Result<Vec<usize>, Stop> {
        let mut accepted = Vec::new();
        let mut too_many = Vec::new();
        for &number in pending {
            let reply = self.ask(script, Wanted::Completion, self.patience.recipient)?;
            let judged = judgement::recipient_refused(&self.session.place, &reply);
            if judgement::is_success(&reply) {
                accepted.push(number);
            } else if self.pipelined && judgement::blames_pipelining(&reply) {
                return Err(Stop::CannotPipeline(judged));
            } else if script.has_parameters && accepted.is_empty() && judgement::blames_parameters(&reply) {
                return Err(Stop::CannotExtend(judged));
            } else if judgement::wants_another_transaction(&reply) {
                too_many.push((number, judged));
            } else {
                self.ledger.judge(number, judged);
            }
        }
        // Without anybody accepted before them, a further transaction would fare no better.
        if accepted.is_empty() {
            too_many.into_iter().for_each(|(number, judged)| self.ledger.judge(number, judged));
        }
        Ok(accepted)
    }

    fn data_refused(mut self, data: &Response, accepted: &[usize]) -> Result<(), Stop> {
        if accepted.is_empty() {
            return Ok(());
        }
        let judged = judgement::data_refused(&self.session.place, data);
        if self.pipelined && judgement::blames_pipelining(data) {
            return Err(Stop::CannotPipeline(judged));
        }
        // Whoever was to have a transaction of its own would meet the same refusal.
        self.judge_alike(accepted, &judged);
        Ok(())
    }

    /// MAIL was refused in a pipeline: the other replies still come, and DATA may even be accepted.
    fn drain(mut self, script: &Script, recipients: usize) -> Result<(), Stop> {
        for _ in 0..recipients {
            self.ask(script, Wanted::Completion, self.patience.recipient)?;
        }
        let data = self.ask(script, Wanted::Intermediate, self.patience.data)?;
        if judgement::is_go_ahead(&data) { self.lone_dot() } else { Ok(()) }
    }

    /// DATA was accepted although nobody was: an empty message, which the server must refuse (RFC 2920 §3.1). Over LMTP
    /// nobody would answer it (RFC 2033 §4.2 has the server refuse DATA).
    fn lone_dot(&mut self) -> Result<(), Stop> {
        if self.session.is_lmtp {
            return Err(Stop::Final(judgement::out_of_step(&self.session.place)));
        }
        self.session.peer.send(b".\r\n", self.patience.block).map_err(|trouble| self.lost(&trouble, Stage::Content))?;
        let reply = self.session.peer.reply(self.patience.end).map_err(|trouble| self.lost(&trouble, Stage::Content))?;
        self.session.needs_reset = false;
        self.keep_unless_closing(&reply)
    }

    /// Sends all of the message and its end.
    fn send_message(&mut self) -> Result<(), Stop> {
        let (mut stuffer, mut position) = (Stuffer::new(), Position::default());
        let (mut piece, mut out) = (Vec::new(), Vec::new());
        let unreadable = |error| Stop::Final(judgement::unreadable(&error));
        while self.message.content.next(&mut position, &mut piece).map_err(unreadable)? {
            self.write_piece(&out)?;
            out.clear();
            stuffer.append(&piece, &mut out);
        }
        out.extend_from_slice(stuffer.end());
        // What lies here before the end is sent cannot be the answer to it.
        if self.session.peer.has_unread() {
            return Err(self.interrupted(None));
        }
        self.write_piece(&out)
    }

    /// A reply to the message. From here on the server may have it.
    fn answer(&mut self) -> Result<Response, Stop> {
        self.session.peer.reply(self.patience.end).map_err(|trouble| self.lost(&trouble, Stage::Ended))
    }

    fn write_piece(&mut self, piece: &[u8]) -> Result<(), Stop> {
        let sent = self.session.peer.send(piece, self.patience.block);
        sent.map_err(|trouble| self.interrupted(Some(trouble)))
    }

    /// The server did not wait for the end of the message: a refusal is believed, anything else is not.
    fn interrupted(&mut self, trouble: Option<Trouble>) -> Stop {
        let last_words = self.session.peer.reply(LAST_WORDS);
        let place = &self.session.place;
        match (last_words, trouble) {
            (Ok(reply), _) if !judgement::is_success(&reply) => Stop::Lost(judgement::message_answered(self.session, &reply)),
            (_, Some(trouble)) => self.lost(&trouble, Stage::Content),
            (_, None) => Stop::Lost(judgement::out_of_step(place)),
        }
    }

    /// Judges everybody without a verdict who sees the sender that these see.
    fn judge_alike(&mut self, group: &[usize], judged: &Judged) {
        let sender = self.message.sender_for(group);
        let alike: Vec<usize> = self.ledger.open().into_iter().filter(|number| self.message.sender_for(&[*number]) == sender).collect();
        self.judge_all(&alike, judged);
    }

    fn judge_all(&mut self, numbers: &[usize], judged: &Judged) {
        for number in numbers {
            self.ledger.judge(*number, judged.clone());
        }
    }

    fn keep_unless_closing(&self, reply: &Response) -> Result<(), Stop> {
        if judgement::is_closing(reply) {
            return Err(Stop::Lost(judgement::closed_down(&self.session.place, reply)));
        }
        Ok(())
    }

    fn lost(&self, trouble: &Trouble, stage: Stage) -> Stop {
        let judged = judgement::lost(&self.session.place, trouble, stage);
        let answered = self.said > 0;
        match trouble {
            Trouble::Timeout if self.pipelined && answered && stage == Stage::Envelope => Stop::CannotPipeline(judged),
            Trouble::Closed | Trouble::Broken(_) if self.session.is_used && !answered => Stop::Stale(judged),
            _ if stage == Stage::Ended => Stop::Final(judged),
            _ => Stop::Lost(judged),
        }
    }
}
