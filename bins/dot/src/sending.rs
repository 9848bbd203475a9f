//! Sending the message on, as forward(1), condredirect(1) and fastforward(1) do it: the line Delivered-To in front, by way of the
//! queue's program.

use stafett_envelope::wishes::{is_envid, is_notify, is_orcpt};
use stafett_injection::QueueProgram;
use stafett_log::{Failure, Log};
use stafett_sys::descriptor;
use stafett_wire::injector::Answer;
use std::fs::File;
use std::io::{self, Seek};

/// A variable of the delivery.
///
/// # Errors
/// When it is not set, or is no text.
pub fn variable(name: &str) -> Result<String, Failure> {
    std::env::var(name)
        .map_err(|error| Failure::lasting(format_args!("the variable {name} cannot be used: {error}; stafett-local sets it")))
}

/// The message, from where its descriptor stands.
///
/// # Errors
/// When standard input is closed.
pub fn message() -> Result<File, Failure> {
    let input = descriptor::inherited(0);
    input.map(File::from).map_err(|error| Failure::temporary(format_args!("unable to read the message from standard input: {error}")))
}

/// Goes to the begin of the message, which a program may have read.
///
/// # Errors
/// When it is no file.
pub fn rewind(message: &mut File) -> Result<(), Failure> {
    message.rewind().map_err(|error| Failure::temporary(format_args!("unable to go back to the begin of the message: {error}")))
}

/// Queues the rest of `message` for these recipients, and says so in the log.
///
/// # Errors
/// When the queue does not take it.
pub fn send(log: Log, message: &mut File, sender: &str, recipients: &[String]) -> Result<(), Failure> {
    let delivered_to = variable("DTLINE")?;
    let mut queue = QueueProgram::start_with(&wishes(sender))
        .map_err(|error| Failure::temporary(format_args!("unable to run the queue's program: {error}")))?;
    queue.write(delivered_to.as_bytes());
    if let Err(error) = queue.copy(message) {
        queue.give_up();
        return Err(Failure::temporary(format_args!("unable to read the message: {error}")));
    }
    let unknown = |error: io::Error| Failure::temporary(format_args!("unable to wait for the queue's program: {error}"));
    match queue.finish(sender, recipients.iter().map(String::as_str)).map_err(unknown)? {
        Answer::Accepted(id) => {
            log.line(format_args!("qp {id}"));
            Ok(())
        }
        Answer::Permanent(words) => Err(Failure::lasting(format_args!("unable to send the message on: {words}"))),
        Answer::Temporary(words) => Err(Failure::temporary(format_args!("unable to send the message on: {words}"))),
    }
}

/// What the sender asked for, as stafett-queue(8) takes it. That the message travels under TLS alone goes on with it whoever sends it
/// on (RFC 8689). What the sender asked to be told goes on where the message does so as the sender's own; who
/// sends it to a list under another name is a sender of its own (RFC 3461 section 5.2.7). Success is told of once: when the
/// program that sends it on is done. Scripts use names like RET for themselves, so what is no wish counts as none: stafett-queue
/// would refuse the message.
fn wishes(sender: &str) -> Vec<(&'static str, String)> {
    let value = |name, is_wish: fn(&str) -> bool| std::env::var(name).ok().filter(|value| is_wish(value));
    let require_tls = value("REQUIRETLS", |word| word == "yes").map(|word| ("QUEUEREQUIRETLS", word));
    if variable("SENDER").ok().as_deref() != Some(sender) {
        return require_tls.into_iter().collect();
    }
    let notify = value("NOTIFY", |words| is_notify(&words.to_ascii_uppercase())).map(|words| {
        let rest: Vec<&str> = words.split(',').filter(|word| !word.eq_ignore_ascii_case("SUCCESS")).collect();
        if rest.is_empty() { "NEVER".to_owned() } else { rest.join(",") }
    });
    let ret = value("RET", |word| word.eq_ignore_ascii_case("FULL") || word.eq_ignore_ascii_case("HDRS"));
    let (orcpt, envid) = (value("ORCPT", is_orcpt), value("ENVID", is_envid));
    let all = [("DSNNOTIFY", notify), ("DSNORCPT", orcpt), ("DSNRET", ret), ("DSNENVID", envid)];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(require_tls).collect()
}

/// The arguments as addresses.
///
/// # Errors
/// When one is no text.
pub fn addresses(arguments: &[std::ffi::OsString]) -> Result<Vec<String>, Failure> {
    let text = |one: &std::ffi::OsString| one.to_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let no_address = |one: &std::ffi::OsString| Failure::lasting(format_args!("\"{}\" is no address", one.display()));
    arguments.iter().map(|one| text(one).ok_or_else(|| no_address(one))).collect()
}
