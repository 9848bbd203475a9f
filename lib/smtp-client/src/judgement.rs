//! The judgement: what each event of a delivery means, and the words that the admin and the sender read about it.
//!
//! All decisions "next host, later, or never" stand here; the other modules only carry them out.
//!
//! - Never (D): the recipient's domain does not exist, has no address or takes no mail; a 5xx to MAIL, RCPT, DATA or the
//!   message; a message that this host cannot take (size, 8-bit, SMTPUTF8).
//! - Next host: whatever goes wrong before the first MAIL, a 5xx greeting included (RFC 5321 §4.2.1 lets a host be out of
//!   service while its neighbour works). When no host is left: later, for the destination as a whole.
//!   The same after a 4xx to MAIL, RCPT, DATA or the message, or a connection lost before the message's end, for whoever
//!   was put off; where no other host helps, the first host's words count.
//! - Later (Z): everything else, above all what is the fault of the connection, of the DNS or of our own files. A reply
//!   that makes no sense is the connection's fault, never the recipient's.
//!
//! The texts keep the phrases of qmail-remote(8), which log readers know.

use std::fmt::{self, Display};
use std::net::IpAddr;

use stafett_smtp::Response;
use stafett_smtp::response::{Verdict as Kind, Wanted};
use stafett_wire::Verdict;
use stafett_wire::delivery::{Destination, Kind as Lookup, Scope};

use crate::peer::Trouble;
use crate::session::Session;

/// The longest piece of a reply in a text; the wire takes 1000 bytes with our own words.
const LONGEST_REPLY: usize = 700;

/// Addresses that a text names with their reasons.
const MOST_REASONS: usize = 8;

/// A verdict with its words.
pub type Judged = (Verdict, String);

/// Where a connection leads, as the texts name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address of a host.
    Address(IpAddr),
    /// The path of a Unix socket.
    Socket(String),
}

impl Place {
    /// The address, where it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Place::Address(address) => Some(*address),
            Place::Socket(_) => None,
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Address(address) => address.fmt(f),
            Place::Socket(path) => f.write_str(path),
        }
    }
}

/// Why there is no session with the destination; it is the answer for all recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSession {
    /// Z, or D where no later attempt can fare better.
    pub judged: Judged,
    /// Whether other messages for this destination would fare the same way.
    pub scope: Scope,
}

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing of the message itself has been sent.
    Envelope,
    /// Some of the message has been sent, the end of it has not.
    Content,
    /// The end has been sent: the server may have the message.
    Ended,
}

/// What a reply to the greeting, EHLO or HELO calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Go on.
    GoOn,
    /// The server does not know EHLO: say HELO.
    SayHelo,
    /// Try the next host.
    NextHost,
}

/// Judges the first reply of a server.
pub fn greeting(response: &Response) -> Opening {
    if is_success(response) { Opening::GoOn } else { Opening::NextHost }
}

/// Judges the reply to EHLO or LHLO. 5xx to EHLO means that the command is unknown or unwanted (RFC 5321 §4.1.1.1: fall
/// back to HELO); LMTP has nothing to fall back to.
pub fn hello(response: &Response, is_lmtp: bool) -> Opening {
    match response.judge(Wanted::Completion) {
        Kind::Success => Opening::GoOn,
        Kind::Permanent if !is_lmtp => Opening::SayHelo,
        Kind::Permanent | Kind::Temporary | Kind::OutOfStep => Opening::NextHost,
    }
}

/// Whether this is the 2xx that a command other than DATA wants.
pub fn is_success(response: &Response) -> bool {
    response.judge(Wanted::Completion) == Kind::Success
}

/// Whether this is the 3xx that DATA wants.
pub fn is_go_ahead(response: &Response) -> bool {
    response.judge(Wanted::Intermediate) == Kind::Success
}

/// 421 anywhere: the server closes the channel (RFC 5321 §3.8).
pub fn is_closing(response: &Response) -> bool {
    response.code() == 421
}

/// Whether a pipelined command was refused for being pipelined: "bad sequence" or "unrecognized" after an accepted MAIL
/// speak of the dialogue, not of the recipient.
pub fn blames_pipelining(response: &Response) -> bool {
    matches!(response.code(), 500 | 503)
}

/// Whether a server refuses a parameter that it has offered itself: 504 and 555 speak of the command's form (RFC 5321
/// §4.2.3), not of the message.
pub fn blames_parameters(response: &Response) -> bool {
    matches!(response.code(), 504 | 555)
}

/// Whether another host of the same destination may do better than this verdict.
pub fn may_move(judged: &Judged) -> bool {
    judged.0 == Verdict::Temporary
}

/// Whether a refused recipient should be tried again at once in a transaction of its own, after one with other
/// recipients went through (RFC 5321 §4.5.3.1.10: 452, and 552 from old servers).
pub fn wants_another_transaction(response: &Response) -> bool {
    matches!(response.code(), 452 | 552)
}

/// MAIL was refused: all recipients.
pub fn sender_refused(place: &Place, response: &Response) -> Judged {
    refusal(response, format_args!("Connected to {place} but sender was rejected."))
}

/// One RCPT was refused.
pub fn recipient_refused(place: &Place, response: &Response) -> Judged {
    let (verdict, text) = refusal(response, format_args!("{place} does not like recipient."));
    let too_many = wants_another_transaction(response);
    (if too_many { Verdict::Temporary } else { verdict }, text)
}

/// DATA was refused: all recipients accepted so far.
pub fn data_refused(place: &Place, response: &Response) -> Judged {
    refusal(response, format_args!("{place} failed on DATA command."))
}

/// The reply to the message itself.
pub fn message_answered(session: &Session, response: &Response) -> Judged {
    let place = &session.place;
    if is_success(response) {
        let words = match session.peer.tls() {
            None => said(format_args!("{place} accepted message."), response),
            Some(facts) if session.is_verified => said(format_args!("{place} accepted message. {facts}, verified."), response),
            Some(facts) => said(format_args!("{place} accepted message. {facts}."), response),
        };
        return (Verdict::Ok, words);
    }
    refusal(response, format_args!("{place} failed after I sent the message."))
}

/// The server said 421 while it owed another answer.
pub fn closed_down(place: &Place, response: &Response) -> Judged {
    (Verdict::Temporary, said(format_args!("Connected to {place} but it closes the connection."), response))
}

/// The connection is of no more use. A loss before the end of the message cannot have left a copy at the other side
/// (RFC 5321 §4.1.1.4: a message without its end is not processed).
pub fn lost(place: &Place, trouble: &Trouble, stage: Stage) -> Judged {
    let duplicate = if stage == Stage::Ended { " Possible duplicate!" } else { "" };
    (Verdict::Temporary, format!("Connected to {place} but connection died: {trouble}.{duplicate} (#4.4.2)"))
}

/// The server sent something before it was asked, or accepted out of turn.
pub fn out_of_step(place: &Place) -> Judged {
    (Verdict::Temporary, format!("Connected to {place} but it answers what was not asked. (#4.5.0)"))
}

/// Our own file failed; the server is not to blame.
pub fn unreadable(error: &std::io::Error) -> Judged {
    (Verdict::Temporary, format!("Unable to read message: {error}. (#4.3.0)"))
}

/// The message is larger than the SIZE limit of the server (RFC 1870 §6.2).
pub fn too_large(place: &Place, bytes: u64, limit: u64) -> Judged {
    let text = format!("Connected to {place} but it takes at most {limit} bytes and this message has {bytes}. (#5.3.4)");
    (Verdict::Permanent, text)
}

/// 8-bit content and no 8BITMIME (RFC 6152 §3); we change no byte of a message.
pub fn needs_eight_bit(place: &Place) -> Judged {
    let text = format!("Connected to {place} but it does not offer 8BITMIME and this message holds 8-bit bytes. (#5.6.3)");
    (Verdict::Permanent, text)
}

/// Addresses or header in UTF-8 and no SMTPUTF8 (RFC 6531 §3.5).
pub fn needs_utf8(place: &Place) -> Judged {
    let text = format!("Connected to {place} but it does not offer SMTPUTF8, which this message needs. (#5.6.7)");
    (Verdict::Permanent, text)
}

/// The sender that a recipient should see cannot be made now; no server is to blame.
pub fn sender_unknown(reason: &str) -> Judged {
    (Verdict::Temporary, format!("Unable to rewrite the sender (control/srsforward): {reason}. (#4.3.0)"))
}

/// An address that would break the command line.
pub fn unspeakable_address() -> Judged {
    (Verdict::Permanent, "I don't send addresses with unquoted blanks or brackets. (#5.1.3)".to_owned())
}

/// A reply that made a host of no use before MAIL.
pub fn host_refuses(place: &Place, at: &str, response: &Response) -> String {
    said(format_args!("Connected to {place} but {at}."), response)
}

/// A host that could not be reached, or was lost before MAIL.
pub fn host_fails(place: &dyn Display, error: &dyn Display) -> String {
    format!("{place}: {error}")
}

/// A host that is reached and lacks what we need of it.
pub fn host_does_not_fit(place: &Place, reason: &str) -> String {
    format!("Connected to {place} but {reason}.")
}

/// The route has credentials that are not at hand: whoever writes them mends it.
pub fn no_credentials(destination: &Destination, reason: &str) -> NoSession {
    later(format!("I may not log in at {destination}: {reason}. (#4.7.8)"))
}

/// The relay does not take our credentials: for now, because nobody's mail is to blame, and for the whole destination.
pub fn credentials_refused(place: &Place, name: &str, response: &Response) -> NoSession {
    let words = format_args!("Connected to {place} but it refuses the credentials {name} of control/smtpauth.");
    later(said(words, response))
}

/// Every host was tried in vain; `reasons` has one text per host.
pub fn no_host_left(destination: &Destination, reasons: &[String]) -> NoSession {
    let words = "Sorry, I wasn't able to establish an SMTP connection";
    later(format!("{words} with {destination}: {} (#4.4.1)", some_of(reasons)))
}

/// Every address lies outside of control/destinations. It may be a slip of that file, of a route or of the domain's
/// owner, all of which can be mended: the mail waits, and whoever asks for the reason is led to the file.
pub fn outside_networks(destination: &Destination, reasons: &[String]) -> NoSession {
    later(format!(
        "I may not connect to {destination}: {}; correct that file, control/smtproutes or the name service. (#4.7.1)",
        some_of(reasons)
    ))
}

/// No host gives the TLS that is demanded. Whatever is wrong can be mended, at the other side or in control/.
pub fn not_secure_enough(destination: &Destination, reasons: &[String]) -> NoSession {
    later(format!("I may not send to {destination} without the TLS that is demanded: {} (#4.7.5)", some_of(reasons)))
}

/// No host can promise what the sender requires, and the sender must hear of that now (RFC 8689 §4.2.1).
pub fn cannot_require_tls(destination: &Destination, reasons: &[String], speaks_tls: bool) -> NoSession {
    let status = if speaks_tls { "5.7.30" } else { "5.7.10" };
    let words = "The sender wants this message sent under TLS alone (REQUIRETLS), and I found no host of";
    never(format!("{words} {destination} that promises it: {} (#{status})", some_of(reasons)))
}

/// One host, or one address of it, and what is wrong with its TLS.
pub fn lacks_tls(host: &str, place: Option<&Place>, words: &dyn Display) -> String {
    match place {
        Some(Place::Address(address)) if address.to_string() != host => format!("{host} ({address}): {words}"),
        Some(place) => format!("{place}: {words}"),
        None => format!("{host} {words}"),
    }
}

/// Nobody knows what the destination promises.
pub fn policy_unknown(destination: &Destination, error: &std::io::Error) -> NoSession {
    later(format!("I may not deliver to {destination}: unable to ask stafett-mtasts what it promises about TLS: {error}. (#4.7.5)"))
}

/// Words of a route that do not parse.
pub fn bad_words(destination: &Destination, reason: &str) -> NoSession {
    later(format!("I may not send to {destination}: {reason}; correct control/smtproutes or control/tlsdestinations. (#4.3.5)"))
}

/// As many as an admin reads.
fn some_of(reasons: &[String]) -> String {
    let (shown, rest) = reasons.split_at(reasons.len().min(MOST_REASONS));
    match rest.len() {
        0 => shown.join("; "),
        more => format!("{}; and {more} more addresses", shown.join("; ")),
    }
}

/// A literal that names this host, which delivers nothing to itself (RFC 5321 §4.1.3).
pub fn literal_is_here(destination: &Destination) -> NoSession {
    never(format!("Sorry, {} is this host itself, which has no mailboxes. (#5.4.6)", destination.name))
}

/// The DNS says that there is no such domain, or no such host.
pub fn no_such_name(destination: &Destination) -> NoSession {
    let name = &destination.name;
    match destination.kind {
        Lookup::Mx => never(format!("Sorry, I couldn't find any host named {name}. (#5.1.2)")),
        // The name is the admin's, not the sender's: a slip in a route must not bounce mail.
        Lookup::Host | Lookup::Lmtp | Lookup::LmtpSocket | Lookup::Local => {
            later(format!("The relay {name} has no address; correct control/smtproutes, or the name service. (#4.4.4)"))
        }
    }
}

/// The domain exists and has neither MX nor address records (RFC 5321 §5.1).
pub fn no_way_there(destination: &Destination) -> NoSession {
    match destination.kind {
        Lookup::Mx => never(format!("Sorry, {} has neither MX nor address records. (#5.4.4)", destination.name)),
        Lookup::Host | Lookup::Lmtp | Lookup::LmtpSocket | Lookup::Local => no_such_name(destination),
    }
}

/// A null MX (RFC 7505 §4.1).
pub fn takes_no_mail(destination: &Destination) -> NoSession {
    never(format!("Sorry, {} does not accept mail: its MX record is the null MX of RFC 7505. (#5.1.10)", destination.name))
}

/// MX hosts are named, but none of them has an address: their owner can mend that, so it is not for ever.
pub fn exchangers_without_address(destination: &Destination) -> NoSession {
    later(format!("None of the MX hosts of {} has an address. (#4.4.4)", destination.name))
}

/// The DNS gave no answer.
pub fn look_up_failed(name: &str, failure: &stafett_dns::Failure) -> NoSession {
    later(format!("DNS look-up of {name} failed temporarily: {failure}. (#4.4.3)"))
}

/// We are the best MX: to deliver there would be a loop, to bounce would lose a relay's own mail (RFC 5321 §5.1).
pub fn best_exchanger_is_here(destination: &Destination) -> NoSession {
    let name = &destination.name;
    later(format!("This host is the best MX for {name} but control/smtproutes has no route for it; add the line {name}:HOST. (#4.4.6)"))
}

/// A destination that is no domain name.
pub fn not_a_name(error: &stafett_dns::BadName) -> NoSession {
    never(format!("Sorry, I can't look up that destination: {error}. (#5.1.2)"))
}

fn later(text: String) -> NoSession {
    NoSession { judged: (Verdict::Temporary, text), scope: Scope::Destination }
}

/// What cannot be delivered ever is the message's misfortune; the scheduler need not back off from it.
fn never(text: String) -> NoSession {
    NoSession { judged: (Verdict::Permanent, text), scope: Scope::Message }
}

fn refusal(response: &Response, words: fmt::Arguments<'_>) -> Judged {
    let verdict = match response.code() / 100 {
        5 => Verdict::Permanent,
        _ => Verdict::Temporary,
    };
    (verdict, said(words, response))
}

/// Our words, and what the server said.
pub fn said(words: fmt::Arguments<'_>, response: &Response) -> String {
    format!("{words} Remote host said: {}", response.one_line(LONGEST_REPLY))
}
