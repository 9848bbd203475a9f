use super::{Live, parse, parse_reason};

#[test]
fn lines_of_the_scheduler_are_read_or_passed_over() {
    let (name, live) = parse("lmtp:unix:/run/a b waiting 3 running 1 open 2 window 5 until 77 error Connected to x but error y").unwrap();
    assert_eq!(name, "lmtp:unix:/run/a b");
    let error = "Connected to x but error y".to_owned();
    assert_eq!(live, Live { in_memory: 3, running: 1, open: 2, window: 5, until: Some(77), error });
    assert_eq!(parse("x waiting 3 running 1 open 2 window 5 until 0 error ").unwrap().1.until, None);
    for wrong in ["", "x", "x waiting 3", "x waiting many running 1 open 2 window 5 until 0 error "] {
        assert!(parse(wrong).is_none(), "{wrong}");
    }
    assert_eq!(parse_reason("1 * backoff: waits").unwrap(), (("1".to_owned(), None), "backoff: waits".to_owned()));
    assert_eq!(parse_reason("1 12 window: x").unwrap().0.1, Some(12));
    assert!(parse_reason("1 gone").is_none() && parse_reason("1 x y").is_none());
}
