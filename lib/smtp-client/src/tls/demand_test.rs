//! What TLSA records and an MTA-STS policy mean together.

use super::*;

#[test]
fn records_that_cannot_be_used_do_not_undo_an_enforced_policy() {
    let destination = Destination::plain(Kind::Mx, "example.org", 25);
    let host = Target { name: "mx.example.org".to_owned(), ..Target::default() };
    let sts = |is_enforced, pattern: &str| Sts { is_enforced, patterns: vec![pattern.to_owned()], ..Sts::default() };
    let demand = |sts: Option<&Sts>| by_found(Published::Unusable, sts, &destination, &host);

    let verified = demand(Some(&sts(true, "mx.example.org"))).ok();
    let verified = verified.map(|demand| (demand.need, demand.trust, demand.policy));
    assert_eq!(verified, Some((Need::Always, Trust::Authorities(vec![host.name.clone()]), PolicyType::Sts)));
    assert_eq!(demand(Some(&sts(true, "other.example.org"))).map_err(|unfit| unfit.policy), Err(PolicyType::Sts));
    for sts in [None, Some(&sts(false, "mx.example.org"))] {
        let any = demand(sts).ok().map(|demand| (demand.need, demand.trust, demand.policy));
        assert_eq!(any, Some((Need::Always, Trust::Anything, PolicyType::Tlsa)));
    }
}
