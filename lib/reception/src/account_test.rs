//! What becomes of an answer of stafett-auth.

use super::{Account, Role, Sender};
use stafett_address::Mailbox;
use stafett_ask::{Answer, Verdict};

fn answer(fields: &[&str]) -> Answer {
    fields.iter().fold(Answer::new(Verdict::Ok, ""), |answer, field| answer.with(*field))
}

#[test]
fn an_account_is_read() {
    let fields = ["account=Alice", "role=person", "sender=Alice@Example.org", "sender=@lists.example", "class=staff", "new=thing"];
    let account = Account::read(&answer(&fields)).unwrap();
    assert_eq!((account.name.as_str(), account.role, account.rewrite.as_deref()), ("alice", Role::Person, None));
    assert_eq!(account.senders, [Sender::Address("alice@example.org".into()), Sender::Domain("lists.example".into())]);
    assert_eq!(account.classes, ["people", "staff"]);
    let may = |address: &str| account.may_send_from(&Mailbox::from_raw(address).unwrap());
    assert!(may("alice@EXAMPLE.org") && may("ALICE@example.org") && may("x@lists.example"));
    assert!(!may("bob@example.org") && !may("x@sub.lists.example"));
}

#[test]
fn an_international_domain_fits_in_either_form() {
    let fields = ["account=a", "role=person", "sender=a@Bücher.example", "sender=@ÄPFEL.example", "sender=b@xn--bcher-kva.example"];
    let account = Account::read(&answer(&fields)).unwrap();
    let may = |address: &str| account.may_send_from(&Mailbox::from_raw(address).unwrap());
    assert!(may("a@bücher.example") && may("a@xn--bcher-kva.example") && may("x@äpfel.example"), "{:?}", account.senders);
    assert!(may("b@BÜCHER.example") && !may("c@bücher.example"));
}

#[test]
fn what_makes_no_sense_is_no_account() {
    for fields in [&[][..], &["account=a"], &["account=", "role=person"], &["role=person"], &["account=a", "role=admin"]] {
        Account::read(&answer(fields)).unwrap_err();
    }
}
