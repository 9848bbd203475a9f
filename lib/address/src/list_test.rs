use super::{Address, AddressList};
use proptest::prelude::*;

fn found(body: &str) -> Vec<String> {
    AddressList::parse(body.as_bytes()).unwrap().addresses().map(Address::to_string).collect()
}

fn fault(body: &str) -> String {
    AddressList::parse(body.as_bytes()).unwrap_err().to_string()
}

#[test]
fn every_form_of_the_standard_is_read() {
    assert_eq!(found(" a@b.example, \"Last, First\" <c@d.example> (work), e"), ["a@b.example", "c@d.example", "e"]);
    assert_eq!(found(" Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>"), ["pete@silly.test"]);
    assert_eq!(
        found(
            "A Group(Some people)\n :Chris Jones <c@(Chris's host.)public.example>,\n joe@example.org,\n John <jdoe@one.test> (my dear friend); (the end)"
        ),
        ["c@public.example", "joe@example.org", "jdoe@one.test"]
    );
    assert_eq!(found("undisclosed recipients:;"), Vec::<String>::new());
    assert_eq!(found("<@a.test,@b.test:joe@where.test>"), ["joe@where.test"]);
    assert_eq!(found("\"odd, \\\"local\\\"\"@example.org"), ["\"odd, \\\"local\\\"\"@example.org"]);
    assert_eq!(found("\"plain\"@example.org, x@[192.0.2.1]"), ["plain@example.org", "x@[192.0.2.1]"]);
    assert_eq!(found("john . doe @ example . org"), ["john.doe@example.org"]);
    assert_eq!(found("=?utf-8?q?G=C3=B6ran?= <g\u{f6}ran@example.org>, , <>"), ["g\u{f6}ran@example.org"]);
}

#[test]
fn what_is_no_list_is_said_in_words() {
    assert!(fault("John Smith").contains("two words"));
    assert!(fault("a@b.example c@d.example").contains("two words"));
    assert!(fault("<a@b.example").contains("without its >"));
    assert!(fault("a@b.example>").contains("without its <"));
    assert!(fault("<a@b> c").contains("between the >"));
    assert!(fault("\"a@b").contains("closing quote"));
    assert!(fault("(a (b) c").contains("without its )"));
    assert!(fault("a) b").contains("without its ("));
    assert!(fault("@b.example").contains("without a local part"));
    assert!(fault("a@").contains("without a domain"));
    assert!(fault("a@b@c").contains("cannot hold"));
    assert!(fault("\"a\u{7}\"@b.example").contains("control character"));
}

#[test]
fn what_is_around_an_address_stays() {
    let body = " =?x?= \"A\" <a> (one),\n\tfriends: b@c.example, d (two);";
    let mut list = AddressList::parse(body.as_bytes()).unwrap();
    for address in list.addresses_mut() {
        address.domain.get_or_insert_with(|| "here.test".to_owned());
    }
    let whole = String::from_utf8(list.to_bytes()).unwrap();
    assert_eq!(whole, " =?x?= \"A\" <a@here.test> (one),\n\tfriends: b@c.example, d@here.test (two);");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = AddressList::parse(&body);
    }

    #[test]
    fn what_was_read_reads_the_same_again(body in "[ab@<>(),:;\". \\\\]{0,24}") {
        if let Ok(list) = AddressList::parse(body.as_bytes()) {
            let again = AddressList::parse(&list.to_bytes()).unwrap();
            prop_assert_eq!(list.addresses().collect::<Vec<_>>(), again.addresses().collect::<Vec<_>>());
        }
    }
}
