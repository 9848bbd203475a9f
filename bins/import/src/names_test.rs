use super::{Fate, NEEDS, SPECIAL, fate};
use stafett_control::rows;
use stafett_instance::tree::is_optional;

#[test]
fn the_tables_are_in_order_and_name_what_there_is() {
    assert!(SPECIAL.is_sorted_by_key(|(name, _)| *name));
    for (row, service) in NEEDS {
        assert!(rows::TABLE.iter().any(|known| known.name == *row), "{row}");
        assert!(is_optional(service), "{service}");
    }
}

#[test]
fn the_files_of_plain_qmail_all_have_a_fate() {
    let plain = "badmailfrom bouncefrom bouncehost concurrencylocal concurrencyremote databytes defaultdomain defaulthost \
                 doublebouncehost doublebounceto envnoathost helohost idhost localiphost locals me morercpthosts morercpthosts.cdb \
                 percenthack plusdomain qmqpservers queuelifetime rcpthosts smtpgreeting smtproutes timeoutconnect timeoutremote \
                 timeoutsmtpd virtualdomains concurrencyincoming defaultdelivery";
    for name in plain.split_whitespace() {
        assert!(!matches!(fate(name), Fate::Unknown), "{name}");
    }
    assert!(matches!(fate("no-such-file"), Fate::Unknown));
}
