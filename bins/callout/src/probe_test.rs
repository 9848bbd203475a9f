//! What replies to RCPT mean.

use super::*;
use stafett_smtp::response::Parser;

fn finding(reply: &str) -> Finding {
    judge(&Parser::default().feed(reply.as_bytes()).unwrap().1.unwrap())
}

#[test]
fn only_what_speaks_of_the_recipient_is_a_no() {
    for reply in ["250 ok\r\n", "251 2.1.5 will forward\r\n"] {
        assert_eq!(finding(reply), Finding::Valid, "{reply}");
    }
    for reply in
        ["550 5.1.1 unknown\r\n", "553 no\r\n", "554 5.7.1 relay denied\r\n", "551 gone\r\n", "556 null MX\r\n", "501 5.1.3 bad\r\n"]
    {
        assert!(matches!(finding(reply), Finding::Unknown(text) if text.starts_with("550 5.")), "{reply}");
    }
    for reply in ["450 4.2.0 greylisted\r\n", "452 too many\r\n", "503 5.5.1 MAIL first\r\n", "552 5.2.2 full\r\n", "354 what\r\n"] {
        assert!(matches!(finding(reply), Finding::Later(text) if text.starts_with("450 4.2.0 ")), "{reply}");
    }
}

#[test]
fn its_words_are_harmless_and_short() {
    let Finding::Unknown(text) = finding(&format!("550-5.1.1 a\x07b\u{fc}\r\n550 {}\r\n", "x".repeat(1000))) else { panic!() };
    assert!(text.starts_with("550 5.1.1 the recipient's host said: 550 5.1.1 a?b??/xxx"), "{text}");
    assert!(text.len() < 400 && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
}
