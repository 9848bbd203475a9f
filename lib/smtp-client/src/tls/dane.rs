//! TLSA records of a host (RFC 7672 §2).
//!
//! They are asked for only where DNSSEC vouches for the way to the host: the MX records and its addresses. A look-up that
//! fails says that somebody may be hiding the records, and the host is not tried (§2.1).
//!
//! Known limits: an MX host found through MX records that DNSSEC does not vouch for is taken to publish nothing.

use stafett_dns::{Kind as RecordKind, Name, Outcome, Question, Record as Found, Timed};
use stafett_tls_client::Record;
use stafett_wire::delivery::Destination;

use super::demand::Unfit;
use super::outcome::{PolicyType, ResultType};
use crate::settings::Settings;
use crate::targets::Target;

/// Records of one host that are looked at; more than any honest host has.
const MOST_RECORDS: usize = 40;

/// What a host publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// Records, and the name that they stand at.
    Records(Vec<Record>, String),
    /// Records, none of which can be used for mail.
    Unusable,
    /// None that DNSSEC vouches for.
    Nothing,
}

/// What `host` publishes for the port of its destination.
///
/// # Errors
/// [`Unfit`] where a look-up fails.
pub fn look_up(settings: &Settings, destination: &Destination, host: &Target) -> Result<Published, Unfit> {
    for base in bases(settings, host)? {
        let found = at(settings, destination.port, &base)?;
        if found != Published::Nothing {
            return Ok(found);
        }
    }
    Ok(Published::Nothing)
}

/// The names whose records count, best first (RFC 7672 §2.2.2 and §2.2.3): where aliases lead to, then where they begin.
fn bases(settings: &Settings, host: &Target) -> Result<Vec<Name>, Unfit> {
    let Some((asked, owner)) = &host.names else { return Ok(Vec::new()) };
    let is_alias = asked != owner;
    if host.is_secure && is_alias {
        return Ok(vec![owner.clone(), asked.clone()]);
    }
    if host.is_secure {
        return Ok(vec![asked.clone()]);
    }
    // The alias itself may be vouched for where what it leads to is not.
    if is_alias && host.has_secure_exchanger && ask(settings, asked, RecordKind::Cname)?.secure {
        return Ok(vec![asked.clone()]);
    }
    Ok(Vec::new())
}

fn at(settings: &Settings, port: u16, base: &Name) -> Result<Published, Unfit> {
    let place = format!("_{port}._tcp.{base}");
    let Ok(question) = Question::new(&place, RecordKind::Tlsa) else { return Ok(Published::Nothing) };
    let Timed { outcome: Outcome::Answer(answer), secure: true, .. } = ask(settings, &question.name, RecordKind::Tlsa)? else {
        return Ok(Published::Nothing);
    };
    let records = answer.records.into_iter().filter_map(|record| match record {
        Found::Tlsa { usage, selector, matching, data } => Some(Record { usage, selector, matching, data }),
        _ => None,
    });
    let mut records: Vec<Record> = records.filter(Record::is_usable).take(MOST_RECORDS).collect();
    // One order, so that the same set always means the same terms.
    records.sort();
    match records.is_empty() {
        true => Ok(Published::Unusable),
        false => Ok(Published::Records(records, base.to_string().to_ascii_lowercase())),
    }
}

fn ask(settings: &Settings, name: &Name, kind: RecordKind) -> Result<Timed, Unfit> {
    let question = Question::about(name.clone(), kind);
    let answer = settings.resolver.ask_all_timed(std::slice::from_ref(&question), settings.patience.names).pop();
    let unfit = |reason: &str| Unfit {
        policy: PolicyType::Tlsa,
        result: ResultType::DnssecInvalid,
        words: format!("the look-up of its TLSA records ({name}) failed temporarily: {reason}"),
    };
    match answer {
        Some(Timed { outcome: Outcome::Temporary(failure), .. }) => Err(unfit(&failure.to_string())),
        Some(timed) => Ok(timed),
        None => Err(unfit("the question was lost")),
    }
}
