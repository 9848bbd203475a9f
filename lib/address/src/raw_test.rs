use super::{from_program, to_program};

#[test]
fn quotes_come_where_smtp_needs_them_and_go_again() {
    for (program, queue) in [
        ("joe doe@x.test", "\"joe doe\"@x.test"),
        ("a@b@x.test", "\"a@b\"@x.test"),
        ("quo\"te\\@x.test", "\"quo\\\"te\\\\\"@x.test"),
        ("joe.@x.test", "\"joe.\"@x.test"),
        ("a..b@X.test", "\"a..b\"@X.test"),
        ("my list-@x.test-@[]", "\"my list-\"@x.test-@[]"),
    ] {
        assert_eq!(from_program(program), queue);
        assert_eq!(to_program(queue).to_lowercase(), program.to_lowercase());
        assert_eq!(from_program(queue), queue, "once is enough");
    }
}

#[test]
fn what_needs_none_stays_as_it_is() {
    for text in [
        "",
        "#@[]",
        "joe",
        "two words",
        "joe@x.test",
        "Jörg@x.test",
        "joe",
        "list-@x.test-@[]",
        "@x.test",
        "joe@under_score",
        "-@[]",
        "<joe@x.test>",
    ] {
        assert_eq!(to_program(text), text);
        if text != "<joe@x.test>" {
            assert_eq!(from_program(text), text);
        }
    }
}
