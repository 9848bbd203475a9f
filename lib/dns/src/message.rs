//! DNS messages: builds questions, judges answers. No sockets, no clock.
//!
//! Security stance: an answer counts only if it is a response with our id and exactly our question (RFC 5452
//! §9.1), and records count only if the question's name, or an alias reached from it, owns them. Anything
//! else is [`Reading::Stranger`], which the caller drops.

use std::time::Duration;

use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::name::ToName;
use domain::base::{Message, MessageBuilder, ParsedName, UnknownRecordData};
use domain::rdata::{A, Aaaa, Cname, Mx, Ptr, Soa, Txt};

use crate::outcome::{Answer, Reason, Record};
use crate::question::{Kind, Name, Question};

/// The UDP answer size we ask for: fits every path without fragments (DNS flag day 2020).
pub(crate) const UDP_SIZE: u16 = 1232;

/// Aliases followed for one question; RFC 1034 §3.6.2 has none in a good zone, big CDNs use up to six.
const MAX_ALIASES: usize = 12;

/// What a received message means for the question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Not an answer to this question: forged, late or broken; the text says which.
    Stranger(&'static str),
    /// Too big for UDP: ask the same server over TCP.
    Truncated,
    /// The server does not know EDNS: ask again without (RFC 6891 §7).
    WithoutEdns,
    /// This server cannot help; another might.
    Failed(Reason),
    /// The aliases leave this message: ask for this name.
    Follow(Name),
    Answer(Answer),
    NoSuchName,
    NoData,
}

/// A question as it goes over UDP; TCP puts two octets of length in front.
pub(crate) fn query(id: u16, name: &Name, kind: Kind, edns: bool) -> Result<Vec<u8>, Reason> {
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(id);
    builder.header_mut().set_rd(true);
    // RFC 6840 §5.7: with it we are told whether the answer was validated, without its signatures.
    builder.header_mut().set_ad(true);
    let mut builder = builder.question();
    builder.push((name, kind.rtype())).map_err(unbuildable)?;
    let mut builder = builder.additional();
    if edns {
        builder
            .opt(|opt| {
                opt.set_udp_payload_size(UDP_SIZE);
                Ok(())
            })
            .map_err(unbuildable)?;
    }
    Ok(builder.finish())
}

fn unbuildable(error: impl std::fmt::Display) -> Reason {
    Reason::System(error.to_string())
}

/// Judges a received message. `path` holds the names asked so far; its last one is what was asked.
pub(crate) fn read(bytes: &[u8], id: u16, kind: Kind, path: &mut Vec<Name>) -> Reading {
    let Ok(message) = Message::from_slice(bytes) else {
        return Reading::Stranger("shorter than a header");
    };
    let Some(asked) = path.last() else {
        return Reading::Stranger("nothing was asked");
    };
    if let Err(what) = fits(message, id, asked, kind) {
        return Reading::Stranger(what);
    }
    if message.header().tc() {
        return Reading::Truncated;
    }
    match message.header().rcode() {
        Rcode::NOERROR | Rcode::NXDOMAIN => follow_from(message, kind, path),
        Rcode::FORMERR | Rcode::NOTIMP => Reading::WithoutEdns,
        Rcode::SERVFAIL => Reading::Failed(Reason::ServerFailure),
        Rcode::REFUSED => Reading::Failed(Reason::Refused),
        other => Reading::Failed(Reason::Code(other.to_int())),
    }
}

/// Whether bytes would be taken for an answer to a question; for fuzzing, which needs the judge without its sockets.
#[doc(hidden)]
pub fn is_answer(bytes: &[u8], id: u16, question: &Question) -> bool {
    let reading = read(bytes, id, question.kind, &mut vec![question.name.clone()]);
    !matches!(reading, Reading::Stranger(_))
}

/// How long what a message says may be remembered: the least TTL of its answer section, and of an SOA beside it (which is
/// there when something is absent) its TTL and its minimum (RFC 2308 §5). Nothing where it has neither.
pub(crate) fn lifetime(bytes: &[u8]) -> Option<Duration> {
    let message = Message::from_slice(bytes).ok()?;
    let answers = message.answer().ok()?.filter_map(|record| Some(record.ok()?.ttl()));
    let proofs = message.authority().ok()?.limit_to::<Soa<ParsedName<&[u8]>>>();
    let proofs = proofs.filter_map(|record| record.ok().map(|record| record.ttl().min(record.data().minimum())));
    answers.chain(proofs).min().map(|ttl| Duration::from_secs(u64::from(ttl.as_secs())))
}

/// Whether the server says that it has validated all of this message (RFC 4035 §3.2.3).
pub(crate) fn is_authentic(bytes: &[u8]) -> bool {
    Message::from_slice(bytes).is_ok_and(|message| message.header().ad())
}

fn fits(message: &Message<[u8]>, id: u16, asked: &Name, kind: Kind) -> Result<(), &'static str> {
    if message.header().id() != id || !message.header().qr() {
        return Err("wrong id");
    }
    // FORMERR of a server that could not read the question may come back without one.
    if message.header_counts().qdcount() == 0 && message.header().rcode() == Rcode::FORMERR {
        return Ok(());
    }
    let question = message.sole_question().map_err(|_| "not one question")?;
    let same = question.qname().name_eq(asked) && question.qtype() == kind.rtype() && question.qclass() == Class::IN;
    if same { Ok(()) } else { Err("wrong question") }
}

/// The path grows only where the next question is about its end.
fn follow_from(message: &Message<[u8]>, kind: Kind, path: &mut Vec<Name>) -> Reading {
    let asked = path.len();
    let reading = follow(message, kind, path).unwrap_or_else(Reading::Failed);
    if !matches!(reading, Reading::Follow(_)) {
        path.truncate(asked);
    }
    reading
}

/// Walks from the asked name over aliases to the records.
fn follow(message: &Message<[u8]>, kind: Kind, path: &mut Vec<Name>) -> Result<Reading, Reason> {
    let mut left_the_asked_name = false;
    loop {
        let Some(owner) = path.last() else { return Err(Reason::Malformed("no name")) };
        let records = records_of(message, owner, kind)?;
        if !records.is_empty() {
            return Ok(Reading::Answer(Answer { owner: owner.clone(), records }));
        }
        let Some(target) = alias_of(message, owner)? else { break };
        if path.len() > MAX_ALIASES || path.contains(&target) {
            return Err(Reason::AliasLoop);
        }
        path.push(target);
        left_the_asked_name = true;
    }
    if message.header().rcode() == Rcode::NXDOMAIN {
        return Ok(Reading::NoSuchName);
    }
    // A server that ends a chain of aliases without the proof of absence (RFC 2308 §2.2) may just not have followed it.
    match path.last() {
        Some(end) if left_the_asked_name && !has_soa(message)? => Ok(Reading::Follow(end.clone())),
        _ => Ok(Reading::NoData),
    }
}

fn records_of(message: &Message<[u8]>, owner: &Name, kind: Kind) -> Result<Vec<Record>, Reason> {
    let mut found = Vec::new();
    for record in message.answer().map_err(broken)? {
        let record = record.map_err(broken)?;
        let ours = record.rtype() == kind.rtype() && record.class() == Class::IN && record.owner().name_eq(owner);
        if !ours {
            continue;
        }
        let data = match kind {
            Kind::A => record.to_record::<A>().map(|r| r.map(|r| Record::A(r.data().addr()))),
            Kind::Aaaa => record.to_record::<Aaaa>().map(|r| r.map(|r| Record::Aaaa(r.data().addr()))),
            Kind::Mx => record
                .to_record::<Mx<ParsedName<&[u8]>>>()
                .map(|r| r.map(|r| Record::Mx { preference: r.data().preference(), exchange: owned(r.data().exchange()) })),
            Kind::Ptr => record.to_record::<Ptr<ParsedName<&[u8]>>>().map(|r| r.map(|r| Record::Ptr(owned(r.data().ptrdname())))),
            Kind::Txt => record.to_record::<Txt<&[u8]>>().map(|r| r.map(|r| Record::Txt(joined(r.data())))),
            Kind::Cname => record.to_record::<Cname<ParsedName<&[u8]>>>().map(|r| r.map(|r| Record::Cname(owned(r.data().cname())))),
            Kind::Tlsa => record.to_record::<UnknownRecordData<&[u8]>>().map(|r| r.and_then(|r| association(r.data().data()))),
        };
        found.extend(data.map_err(broken)?);
    }
    Ok(found)
}

fn alias_of(message: &Message<[u8]>, owner: &Name) -> Result<Option<Name>, Reason> {
    for record in message.answer().map_err(broken)? {
        let record = record.map_err(broken)?;
        if record.rtype() != Rtype::CNAME || !record.owner().name_eq(owner) {
            continue;
        }
        let alias = record.to_record::<Cname<ParsedName<&[u8]>>>().map_err(broken)?;
        return Ok(alias.map(|alias| owned(alias.data().cname())));
    }
    Ok(None)
}

fn has_soa(message: &Message<[u8]>) -> Result<bool, Reason> {
    let authority = message.authority().map_err(broken)?;
    Ok(authority.limit_to::<Soa<ParsedName<&[u8]>>>().any(|record| record.is_ok()))
}

fn owned(name: &ParsedName<&[u8]>) -> Name {
    name.to_name()
}

/// RFC 6698 §2.1: three octets and the rest. A record that is shorter is none.
fn association(bytes: &[u8]) -> Option<Record> {
    let [usage, selector, matching, data @ ..] = bytes else { return None };
    Some(Record::Tlsa { usage: *usage, selector: *selector, matching: *matching, data: data.to_vec() })
}

fn joined(text: &Txt<&[u8]>) -> Vec<u8> {
    text.iter().flatten().copied().collect()
}

fn broken(_: domain::base::wire::ParseError) -> Reason {
    Reason::Malformed("a record does not parse")
}
