use super::*;
use crate::spf::check::{Additions, check};
use crate::spf::{self, Verdict};
use std::net::Ipv4Addr;

const SENDER: spf::Question<'_> = spf::Question {
    ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    helo: "client.example",
    sender: "a@pass.example",
    receiver: "relay.example",
};

/// The verdict of what is remembered; nothing when that is not enough.
fn remembered(dns: &Arc<Dns>) -> Option<Verdict> {
    let asker = Asker { dns: Arc::clone(dns), deadline: Instant::now(), lacks: Some(AtomicBool::new(false)) };
    let outcome = check(&asker, &SENDER, &Additions::default());
    (!asker.lacks.unwrap().into_inner()).then_some(outcome.verdict)
}

fn learn(dns: &Dns, name: &str, kind: Kind, records: Vec<Record>) {
    let said = Ok(Arc::new(records));
    locked(&dns.memory).insert(Question::new(name, kind).unwrap(), said, Instant::now() + LONGEST);
}

#[test]
fn what_is_remembered_is_a_verdict_only_when_nothing_lacks() {
    let dns = Arc::new(Dns::new(Vec::new()));
    assert_eq!(remembered(&dns), None);
    learn(&dns, "pass.example", Kind::Txt, vec![Record::Txt(b"v=spf1 a:one.example -all".to_vec())]);
    // what is lacking would be a temporary error otherwise
    assert_eq!(remembered(&dns), None);
    learn(&dns, "one.example", Kind::A, vec![Record::A(Ipv4Addr::new(192, 0, 2, 1))]);
    assert_eq!(remembered(&dns), Some(Verdict::Pass));
    learn(&dns, "one.example", Kind::A, Vec::new());
    assert_eq!(remembered(&dns), Some(Verdict::Fail));
}
