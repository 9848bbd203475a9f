//! What the admin asks: the counts, and to send reports now.
//!
//! The counts are read from their files, which belong to the service: root can read them.

use std::time::Duration;

use stafett_ask::{Verdict, ask};
use stafett_control::Control;
use stafett_instance::{Instance, Service};
use stafett_log::safe;
use stafett_sts::Count;

use crate::calendar::Day;
use crate::journal::{self, Kept};
use crate::options::What;
use crate::report::Report;
use crate::service::{FLUSH, SEND};
use crate::settings::Settings;

/// How long the service is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Has the service send the reports of past days.
///
/// # Errors
/// When it does not answer, or does not do it.
pub fn send(instance: &Instance) -> Result<(), String> {
    let socket = instance.socket(Service::TlsRpt);
    let answer = ask(&socket, &[SEND.as_bytes()], None, PATIENCE);
    let answer = answer.map_err(|error| format!("unable to ask the service at {}: {error}", socket.display()))?;
    if answer.verdict != Verdict::Ok {
        return Err(answer.text);
    }
    println!("{}", answer.text);
    Ok(())
}

/// Prints the counts.
///
/// # Errors
/// When they cannot be read.
pub fn show(instance: &Instance, what: &What) -> Result<(), String> {
    // Without the service there is nothing that is not written.
    let _ = ask(&instance.socket(Service::TlsRpt), &[FLUSH.as_bytes()], None, PATIENCE);
    let directory = instance.state(Service::TlsRpt);
    let unreadable = |error: std::io::Error| format!("unable to read {}: {error}", directory.display());
    let days = journal::days(&directory).map_err(unreadable)?;
    for day in days.into_iter().filter(|day| what.day.is_none_or(|wanted| wanted == *day)) {
        let kept = journal::read(&journal::path(&directory, day)).map_err(unreadable)?;
        match &what.json {
            Some(domain) => print_report(instance, domain, day, &kept)?,
            None => print_counts(day, &kept),
        }
    }
    Ok(())
}

fn print_report(instance: &Instance, domain: &str, day: Day, kept: &Kept) -> Result<(), String> {
    let rows = kept.tally.of(domain);
    if rows.is_empty() {
        return Ok(());
    }
    let settings = Settings::read(&Control::new(instance.control())).map_err(|error| error.to_string())?;
    let author = settings.author.ok_or("control/tlsrpt is missing, so nobody reports; write the address of reports there")?;
    println!("{}", Report::new(&author, domain, day, &rows).text);
    Ok(())
}

/// A line for each policy of a domain, and one for each kind of failure.
fn print_counts(day: Day, kept: &Kept) {
    for domain in kept.tally.domains() {
        let rows = kept.tally.of(&domain);
        let sum =
            |failed: bool| -> u64 { rows.iter().filter(|(count, _)| count.result.is_empty() != failed).map(|(_, times)| times).sum() };
        let done = if kept.done.contains(&domain) { " done" } else { "" };
        println!("{day} {domain} good={} failed={}{done}", sum(false), sum(true));
        for (count, times) in rows {
            println!("  {} {}", detail(count), times);
        }
    }
}

fn detail(count: &Count) -> String {
    let words = [&count.result, &count.host, &count.address, &count.words];
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).map(|word| safe(word.as_bytes()).to_string()).collect();
    let told = if words.is_empty() { "good".to_owned() } else { words.join(" ") };
    format!("{}: {told}:", count.kind.word())
}
