//! The message as it goes into the queue: which fields stay, are completed or added, and the envelope.

use crate::header::{Field, Header};
use crate::options::Options;
use crate::person::Person;
use crate::site::Site;
use stafett_address::list::{Address, AddressList};
use stafett_address::{Domain, Mailbox};
use stafett_injection::Defaults;
use stafett_log::Failure;
use stafett_message::date;
use stafett_sys::process::Pid;
use std::time::{SystemTime, UNIX_EPOCH};

/// Fields that hold addresses.
const ADDRESSES: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "apparently-to",
    "return-path",
    "return-receipt-to",
    "errors-to",
    "disposition-notification-to",
    "mail-followup-to",
    "mail-reply-to",
    "resent-from",
    "resent-sender",
    "resent-reply-to",
    "resent-to",
    "resent-cc",
    "resent-bcc",
];
/// Fields that say who receives a message, and one that is sent again.
const TO: &[&str] = &["to", "cc", "bcc", "apparently-to"];
const RESENT_TO: &[&str] = &["resent-to", "resent-cc", "resent-bcc"];
/// Any of these makes it one that is sent again.
const RESENT: &[&str] =
    &["resent-sender", "resent-from", "resent-reply-to", "resent-to", "resent-cc", "resent-bcc", "resent-date", "resent-message-id"];
/// Fields that are not sent.
const DROPPED: &[&str] = &["bcc", "resent-bcc", "return-path", "content-length"];

/// What the sender ends with that each recipient has one of its own of (VERP, qmail-send(8)).
const PER_RECIPIENT: &str = "-@[]";
/// The text in an encoded word, in bytes: 75 without what stands around it (RFC 2047 section 2).
const LONGEST_ENCODED: usize = 75 - "=?utf-8?q??=".len();

/// A message and its envelope.
#[derive(Debug)]
pub struct Letter {
    /// The whole header with the empty line, and what of the body was read with it.
    pub head: Vec<u8>,
    /// The sender in raw form; empty for none.
    pub sender: String,
    /// The recipients in raw form, each once.
    pub recipients: Vec<String>,
}

impl Letter {
    /// Completes the header and finds the recipients.
    ///
    /// # Errors
    /// When a field cannot be understood, or there is nobody to send to.
    pub fn compose(header: Header, options: &Options, site: &Site, person: &Person) -> Result<Letter, Failure> {
        let (mut header, body) = (header.fields, header.body);
        let defaults = &site.defaults;
        let is_resent = header.iter().any(|field| field.is_any(RESENT));
        let wanted = match (options.takes_header(), is_resent) {
            (false, _) => &[],
            (true, false) => TO,
            (true, true) => RESENT_TO,
        };
        let names_sender = options.sender.is_none() && !person.wishes.ignore_return_path;
        let lists = complete(&mut header, defaults, wanted, names_sender)?;
        let mut recipients = Vec::new();
        if options.takes_arguments() {
            for argument in &options.arguments {
                add_all(&mut recipients, &parse_argument(argument, defaults)?)?;
            }
        }
        let addressed = header.iter().zip(&lists).filter(|(field, _)| field.is_any(wanted));
        addressed.filter_map(|(_, list)| list.as_ref()).try_for_each(|list| add_all(&mut recipients, list))?;
        if recipients.is_empty() {
            let fields = if is_resent { "Resent-To, Resent-Cc or Resent-Bcc" } else { "To, Cc or Bcc" };
            return Err(Failure::lasting(format!("there are no recipients; name them in {fields}, or as arguments")));
        }
        let sender = sender(&header, &lists, options, defaults, person)?;
        let followup = followup(&header, &lists, &site.lists);
        header.retain(|field| !is_dropped(field, person, is_resent));
        let mut fields = additions(&header, site, person, is_resent);
        fields.extend(followup.filter(|_| !is_resent));
        fields.append(&mut header);
        Ok(Letter { head: written(&fields, &body), sender, recipients })
    }
}

/// Completes the addresses of all fields that hold some; the lists, in the fields' order. A field by which nothing is sent, which
/// is none of `wanted` and no Return-Path that names the sender, may be what it likes and stays so: what a program writes into From is
/// no reason to lose what it says.
fn complete(fields: &mut [Field], defaults: &Defaults, wanted: &[&str], names_sender: bool) -> Result<Vec<Option<AddressList>>, Failure> {
    let mut lists = Vec::with_capacity(fields.len());
    for field in fields.iter_mut() {
        if !field.is_any(ADDRESSES) {
            lists.push(None);
            continue;
        }
        let unreadable = |error| Failure::lasting(format!("unable to understand the field {}: {error}", field.name));
        let is_needed = names_sender && field.is("return-path") || field.is_any(wanted);
        let mut list = match AddressList::parse(&field.body) {
            Err(_) if !is_needed => {
                lists.push(None);
                continue;
            }
            parsed => parsed.map_err(unreadable)?,
        };
        list.addresses_mut().for_each(|address| defaults.complete(address));
        field.body = list.to_bytes();
        lists.push(Some(list));
    }
    Ok(lists)
}

/// The addresses of an argument. A line end belongs to headers alone: in an argument it comes from whoever has given a program
/// more than an address, and what stands before it would be taken for the name of a group.
fn parse_argument(argument: &str, defaults: &Defaults) -> Result<AddressList, Failure> {
    if argument.contains(char::is_control) {
        return Err(Failure::lasting(format!("the address \"{}\" holds a control character", argument.escape_debug())));
    }
    let unreadable = |error| Failure::lasting(format!("unable to understand the recipient \"{argument}\": {error}"));
    let mut list = AddressList::parse(argument.as_bytes()).map_err(unreadable)?;
    list.addresses_mut().for_each(|address| defaults.complete(address));
    Ok(list)
}

fn add_all(recipients: &mut Vec<String>, list: &AddressList) -> Result<(), Failure> {
    for address in list.addresses() {
        let raw = raw(address)?;
        if !recipients.contains(&raw) {
            recipients.push(raw);
        }
    }
    Ok(())
}

/// The form for the envelope.
fn raw(address: &Address) -> Result<String, Failure> {
    let domain = address.domain.as_deref().unwrap_or_default();
    let mailbox = Domain::parse(domain).and_then(|domain| Mailbox::new(&address.local, domain));
    mailbox.map(|mailbox| mailbox.raw()).map_err(|error| Failure::lasting(format!("\"{address}\" is no address: {error}")))
}

fn sender(
    header: &[Field],
    lists: &[Option<AddressList>],
    options: &Options,
    defaults: &Defaults,
    person: &Person,
) -> Result<String, Failure> {
    if let Some(sender) = &options.sender {
        return match sender.trim() {
            "" | "<>" => Ok(String::new()),
            "#@[]" => Ok("#@[]".to_owned()),
            text => match text.strip_suffix(PER_RECIPIENT).filter(|begin| begin.contains('@')) {
                Some(begin) => Ok(parse_argument(begin, defaults)?.addresses().next().map_or(Ok(String::new()), raw)? + PER_RECIPIENT),
                None => given(parse_argument(text, defaults)?.addresses().next(), person),
            },
        };
    }
    let mut returns = header.iter().zip(lists).filter(|(field, _)| field.is("return-path") && !person.wishes.ignore_return_path);
    if let Some((_, Some(list))) = returns.next() {
        return given(list.addresses().next(), person);
    }
    raw(&person.sender)?;
    Ok(special_sender(person))
}

/// The sender that was named. One for each recipient is wished for it too; its writer has put the `-` there.
fn given(address: Option<&Address>, person: &Person) -> Result<String, Failure> {
    let Some(address) = address else { return Ok(String::new()) };
    Ok(raw(address)? + if person.wishes.sender_per_recipient { PER_RECIPIENT } else { "" })
}

/// VERP: `-` for a list, `@-@[]` for a sender per recipient (qmail-inject(8), qmail-send(8)).
fn special_sender(person: &Person) -> String {
    let (local, domain) = (&person.sender.local, person.sender.domain.as_deref().unwrap_or_default());
    let (seconds, pid) = (now().as_secs(), Pid::own());
    match (person.wishes.sender_per_message, person.wishes.sender_per_recipient) {
        (false, false) => format!("{local}@{domain}"),
        (true, false) => format!("{local}-{seconds}.{pid}@{domain}"),
        (false, true) => format!("{local}-@{domain}-@[]"),
        (true, true) => format!("{local}-{seconds}.{pid}-@{domain}-@[]"),
    }
}

fn is_dropped(field: &Field, person: &Person, is_resent: bool) -> bool {
    let (from, id) = if is_resent { ("resent-from", "resent-message-id") } else { ("from", "message-id") };
    field.is_any(DROPPED) || person.wishes.replace_from && field.is(from) || person.wishes.replace_id && field.is(id)
}

/// Fields that a message must have (RFC 5322 section 3.6) and this one has not.
fn additions(header: &[Field], site: &Site, person: &Person, is_resent: bool) -> Vec<Field> {
    let prefix = if is_resent { "Resent-" } else { "" };
    let has = |name: &str| header.iter().any(|field| field.is(&format!("{prefix}{name}")));
    let mut fields = Vec::new();
    let mut add = |name: &str, body: String| {
        if !has(name) {
            fields.push(Field::new(&format!("{prefix}{name}"), body));
        }
    };
    add("Date", date(SystemTime::now()));
    add("Message-ID", format!("<{}.{}.{}@{}>", stamp(), Pid::own(), "inject", site.id_host));
    add("From", from(person));
    let names_nobody = !["To", "Cc", "Apparently-To"].into_iter().any(has);
    if names_nobody {
        // RFC 822 asked for a recipient field, and some receivers still miss it.
        add("Cc", "recipient list not shown: ;".to_owned());
    }
    fields
}

/// Mail-Followup-To for a message to a mailing list that the user reads: answers go to the list, and not to the user as well.
fn followup(header: &[Field], lists: &[Option<AddressList>], read: &[String]) -> Option<Field> {
    if header.iter().any(|field| field.is("mail-followup-to")) {
        return None;
    }
    let addressed = header.iter().zip(lists).filter(|(field, _)| field.is_any(&["to", "cc"]));
    let all: Vec<String> =
        addressed.filter_map(|(_, list)| list.as_ref()).flat_map(AddressList::addresses).map(Address::to_string).collect();
    let is_listed = all.iter().any(|address| read.contains(&address.to_lowercase()));
    is_listed.then(|| Field::new("Mail-Followup-To", all.join(",\n  ")))
}

fn from(person: &Person) -> String {
    let address = &person.address;
    match person.name.as_deref().map(|name| phrase(name, person.wishes.name_as_comment)) {
        None => address.to_string(),
        Some(name) if person.wishes.name_as_comment => format!("{address} ({name})"),
        Some(name) => format!("{name} <{address}>"),
    }
}

/// A name as a phrase, in quotes where it must be, or as the inside of a comment. Headers are of ASCII, so that a message needs
/// no SMTPUTF8 for a name.
fn phrase(name: &str, is_comment: bool) -> String {
    if !name.is_ascii() {
        return encoded_words(name);
    }
    let special: &[char] = if is_comment { &['(', ')', '\\'] } else { &['"', '\\'] };
    let escaped: String = name.chars().flat_map(|c| special.contains(&c).then_some('\\').into_iter().chain([c])).collect();
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || " !#$%&'*+-/=?^_`{|}~".contains(c));
    if is_comment || is_plain { escaped } else { format!("\"{escaped}\"") }
}

/// A text as encoded words, one a line (RFC 2047 sections 2, 4.2 and 5).
fn encoded_words(text: &str) -> String {
    let mut words = vec![String::new()];
    for c in text.chars() {
        let mut bytes = [0; 4];
        let encoded: String = match c {
            ' ' => "_".to_owned(),
            c if c.is_ascii_alphanumeric() => c.to_string(),
            c => c.encode_utf8(&mut bytes).bytes().map(|byte| format!("={byte:02X}")).collect(),
        };
        match words.last_mut() {
            Some(word) if word.len() + encoded.len() <= LONGEST_ENCODED => word.push_str(&encoded),
            _ => words.push(encoded),
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("=?utf-8?q?{word}?=")).collect();
    words.join("\n ")
}

fn written(fields: &[Field], body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for field in fields {
        text.extend_from_slice(field.name.as_bytes());
        text.push(b':');
        text.extend_from_slice(&field.body);
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(body);
    text
}

/// Digits that no other message of this process has.
fn stamp() -> String {
    let now = now();
    format!("{}{:06}", now.as_secs(), now.subsec_micros())
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
