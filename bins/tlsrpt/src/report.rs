//! The report for one domain and one day (RFC 8460 §4).

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use stafett_sts::{Count, Kind};

use crate::calendar::Day;
use crate::json::Value;

/// Who reports.
#[derive(Clone, Debug)]
pub struct Author {
    /// The name of this host.
    pub me: String,
    /// The address for questions, and that mail comes from.
    pub address: String,
}

/// A report.
#[derive(Clone, Debug)]
pub struct Report {
    /// The domain that it is about, and for.
    pub domain: String,
    /// The day.
    pub day: Day,
    /// What no other report has.
    pub id: String,
    /// It, in JSON.
    pub text: String,
}

/// What a session was judged by.
type Policy<'a> = (Kind, &'a [String], &'a [String]);

impl Report {
    /// The report about a domain whose rows are these.
    pub fn new(author: &Author, domain: &str, day: Day, rows: &[(&Count, u64)]) -> Report {
        let mut policies: BTreeMap<Policy<'_>, Vec<(&Count, u64)>> = BTreeMap::new();
        for (count, times) in rows {
            policies.entry((count.kind, &count.policy, &count.patterns)).or_default().push((count, *times));
        }
        let id = format!("{day}.{domain}");
        let text = Value::Object(vec![
            ("organization-name", Value::text(&author.me)),
            (
                "date-range",
                Value::Object(vec![
                    ("start-datetime", Value::text(format!("{day}T00:00:00Z"))),
                    ("end-datetime", Value::text(format!("{day}T23:59:59Z"))),
                ]),
            ),
            ("contact-info", Value::text(&author.address)),
            ("report-id", Value::text(format!("{id}@{}", author.me))),
            ("policies", Value::List(policies.iter().map(|(policy, rows)| judged_by(domain, policy, rows)).collect())),
        ]);
        Report { domain: domain.to_owned(), day, id, text: text.write() }
    }

    /// It, in gzip's form.
    ///
    /// # Errors
    /// Never, as memory takes what is written to it.
    pub fn zipped(&self) -> std::io::Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(self.text.as_bytes())?;
        encoder.finish()
    }

    /// The name of its file (RFC 8460 §5.1).
    pub fn file_name(&self, author: &Author) -> String {
        format!("{}!{}!{}!{}.json.gz", author.me, self.domain, self.day.begin(), self.day.end())
    }
}

fn judged_by(domain: &str, (kind, policy, patterns): &Policy<'_>, rows: &[(&Count, u64)]) -> Value {
    let sum = |failed: bool| rows.iter().filter(|(count, _)| count.result.is_empty() != failed).map(|(_, times)| *times).sum();
    let mut about = vec![("policy-type", Value::text(kind.word()))];
    if !policy.is_empty() {
        about.push(("policy-string", Value::texts(policy)));
    }
    about.push(("policy-domain", Value::text(domain)));
    if !patterns.is_empty() {
        about.push(("mx-host", Value::texts(patterns)));
    }
    let summary =
        vec![("total-successful-session-count", Value::Number(sum(false))), ("total-failure-session-count", Value::Number(sum(true)))];
    let mut all = vec![("policy", Value::Object(about)), ("summary", Value::Object(summary))];
    let details: Vec<Value> = rows.iter().filter(|(count, _)| !count.result.is_empty()).map(|row| detail(*row)).collect();
    if !details.is_empty() {
        all.push(("failure-details", Value::List(details)));
    }
    Value::Object(all)
}

fn detail((count, times): (&Count, u64)) -> Value {
    let texts = [
        ("result-type", &count.result),
        ("sending-mta-ip", &count.from),
        ("receiving-mx-hostname", &count.host),
        ("receiving-ip", &count.address),
        ("failure-reason-code", &count.words),
    ];
    let there = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let mut members: Vec<(&'static str, Value)> = there.map(|(name, text)| (name, Value::text(text))).collect();
    members.push(("failed-session-count", Value::Number(times)));
    Value::Object(members)
}

#[cfg(test)]
#[path = "report_test.rs"]
mod report_test;
