//! Addresses, and what name servers say about their domains.

use stafett_address::{Domain, Mailbox, Path};
use stafett_dns::{Kind, Question};

/// Addresses in each of their forms: canonical is canonical, and no form leads to another domain than was checked.
pub fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = Path::take(text).map(|(_, rest)| assert!(rest.is_empty() || rest.starts_with([' ', '\t'])));
    if let Ok(Path::Mailbox(mailbox)) = Path::parse(text) {
        same(&mailbox);
    }
    if let Ok(mailbox) = Mailbox::from_raw(text) {
        same(&mailbox);
    }
    if let Ok(domain) = Domain::parse(text) {
        let shown = domain.to_string();
        assert!(shown.is_ascii() && shown == shown.to_ascii_lowercase() || shown.starts_with("[IPv6:"), "{shown}");
        assert_eq!(Domain::parse(&shown), Ok(domain), "{shown}");
    }
}

fn same(mailbox: &Mailbox) {
    let shown = mailbox.to_string();
    assert!(!shown.contains(|symbol: char| symbol.is_control()), "{shown:?}");
    assert_eq!(Mailbox::parse(&shown).as_ref(), Ok(mailbox), "{shown}");
    assert_eq!(Mailbox::from_raw(&mailbox.raw()).as_ref(), Ok(mailbox), "{shown}");
    // The scheduler routes by what stands behind the last @.
    let routed = shown.rsplit_once('@').map(|(_, domain)| Domain::parse(domain));
    assert_eq!(routed, Some(Ok(mailbox.domain().clone())), "{shown}");
}

/// A datagram of a name server.
pub fn dns_message(bytes: &[u8]) {
    for kind in [Kind::A, Kind::Aaaa, Kind::Mx, Kind::Ptr, Kind::Txt] {
        let Ok(question) = Question::new("example.org", kind) else { panic!("the name is good") };
        let id = bytes.first_chunk().map_or(0, |first| u16::from_be_bytes(*first));
        let taken = stafett_dns::is_answer(bytes, id, &question);
        assert!(!taken || bytes.len() >= 12, "nothing is shorter than a header");
        assert!(!stafett_dns::is_answer(bytes, id.wrapping_add(1), &question), "another id is another question's answer");
    }
}
