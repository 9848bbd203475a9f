//! One look-up: the TXT record, and where it says so the policy (RFC 8461 §3).
//!
//! Security stance: the record and the policy are a stranger's; both are bounded and parsed by memory-safe code.
//! Fails by saying what is wrong; what that means for the policy at hand is the state's matter.

use std::time::Duration;

use stafett_dns::{Kind, Outcome, Question, Record};
use stafett_https::{Answer, What};
use stafett_sts::policy::{LARGEST, Policy};
use stafett_sts::record::policy_id;

use crate::settings::Settings;

/// How long the record is waited for.
const RECORD: Duration = Duration::from_secs(15);
/// How long the policy host may take for everything. RFC 8461 §3.3 suggests a minute; in that time slow hosts of strangers could
/// keep all threads from others, and no mail waits that long.
const POLICY: Duration = Duration::from_secs(20);
/// A record that is not there counts as that for so long at least and at most.
const ABSENT: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));

/// What a look-up has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The policy that is known is announced still.
    Same,
    /// A policy.
    Policy {
        /// Its id.
        id: String,
        /// What it says.
        policy: Policy,
    },
    /// The domain announces none; that counts for so long.
    Nothing(Duration),
    /// Nobody can tell whether it does.
    Unsure(String),
    /// It announces one that cannot be had.
    Trouble {
        /// As a result type of RFC 8460 §4.3.
        result: &'static str,
        /// In words.
        words: String,
    },
}

/// Looks up the policy of a domain. One with the id `known` is not fetched again.
pub fn look_up(settings: &Settings, domain: &str, known: Option<&str>) -> Found {
    match record(settings, domain) {
        Ok(id) if known == Some(&id) => Found::Same,
        Ok(id) => match fetch(settings, domain) {
            Ok(policy) => Found::Policy { id, policy },
            Err(trouble) => trouble,
        },
        Err(found) => found,
    }
}

fn record(settings: &Settings, domain: &str) -> Result<String, Found> {
    let absent = |lifetime: Option<Duration>| Found::Nothing(lifetime.unwrap_or_default().clamp(ABSENT.0, ABSENT.1));
    let question = Question::new(&format!("_mta-sts.{domain}"), Kind::Txt).map_err(|_| absent(Some(ABSENT.1)))?;
    let Some(timed) = settings.reach.resolver.ask_all_timed(&[question], RECORD).pop() else {
        return Err(Found::Unsure("the question was lost".to_owned()));
    };
    match timed.outcome {
        Outcome::Answer(answer) => {
            let texts = answer.records.iter().filter_map(|record| match record {
                Record::Txt(text) => Some(&text[..]),
                _ => None,
            });
            policy_id(texts).ok_or_else(|| absent(timed.lifetime))
        }
        Outcome::NoSuchName | Outcome::NoData => Err(absent(timed.lifetime)),
        Outcome::Temporary(failure) => Err(Found::Unsure(failure.to_string())),
    }
}

fn fetch(settings: &Settings, domain: &str) -> Result<Policy, Found> {
    let url = format!("https://mta-sts.{domain}/.well-known/mta-sts.txt");
    let trouble = |result, words| Err(Found::Trouble { result, words });
    match settings.https.get(&url, LARGEST, POLICY) {
        Err(failure) => match failure.what {
            What::Certificate => trouble("sts-webpki-invalid", failure.words),
            What::TooMuch => trouble("sts-policy-invalid", failure.words),
            What::NoHost | What::Unreachable | What::Late => trouble("sts-policy-fetch-error", failure.words),
        },
        // RFC 8461 §3.3: redirects are not followed, and nothing but 200 counts.
        Ok(Answer { status: 200, media_type, body }) => read(&media_type, &body),
        Ok(Answer { status, .. }) => trouble("sts-policy-fetch-error", format!("it answers with status {status}")),
    }
}

/// A host that lets anybody store pages or pictures is no policy host (RFC 8461 §3.2).
fn read(media_type: &str, body: &[u8]) -> Result<Policy, Found> {
    if media_type != "text/plain" {
        let words = format!("what it sends is not text/plain but \"{media_type}\"");
        return Err(Found::Trouble { result: "sts-policy-fetch-error", words });
    }
    Policy::parse(body).map_err(|words| Found::Trouble { result: "sts-policy-invalid", words: format!("its policy is none: {words}") })
}
