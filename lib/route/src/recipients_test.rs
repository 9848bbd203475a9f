//! What lists of recipients say.

use super::*;

fn list(lines: &[&str]) -> RecipientList {
    let mut list = RecipientList::default();
    lines.iter().enumerate().for_each(|(index, line)| list.insert(index + 1, line).unwrap());
    list
}

fn said(list: &RecipientList, address: &str) -> Listed {
    list.look_up(&Mailbox::parse(address).unwrap()).unwrap()
}

#[test]
fn an_address_goes_before_its_domain_and_case_does_not_count() {
    let list = list(&["Info@Example.org", "@open.example", "!closed@open.example", "-@shut.example", "in@shut.example"]);
    assert_eq!(said(&list, "INFO@example.ORG"), Listed::Yes(Place::Line(1)));
    assert_eq!(said(&list, "other@example.org"), Listed::Nowhere);
    assert_eq!(said(&list, "anybody@open.example"), Listed::Yes(Place::Line(2)));
    assert_eq!(said(&list, "Closed@open.example"), Listed::Not(Place::Line(3)));
    assert_eq!(said(&list, "x@shut.example"), Listed::Not(Place::Line(4)));
    assert_eq!(said(&list, "in@shut.example"), Listed::Yes(Place::Line(5)));
    assert_eq!(said(&list, "info@sub.example.org"), Listed::Nowhere);
}

#[test]
fn a_negated_line_counts_whatever_stands_before_it() {
    let list = list(&["a@b.example", "!a@b.example", "a@b.example"]);
    assert_eq!(said(&list, "a@b.example"), Listed::Not(Place::Line(2)));
}

#[test]
fn quotes_are_the_same_address_and_hide_a_sign() {
    let list = list(&["\"-a\"@b.example", "\"c d\"@b.example", "e f@b.example"]);
    assert_eq!(said(&list, "-a@b.example"), Listed::Yes(Place::Line(1)));
    assert_eq!(said(&list, "\"c d\"@b.example"), Listed::Yes(Place::Line(2)));
    assert_eq!(said(&list, "\"e f\"@b.example"), Listed::Yes(Place::Line(3)));
    assert_eq!(said(&list, "a@b.example"), Listed::Nowhere);
}

#[test]
fn an_empty_list_knows_nobody() {
    assert_eq!(said(&RecipientList::default(), "a@b.example"), Listed::Nowhere);
    assert!(RecipientList::default().insert(1, "nobody").is_err());
}
