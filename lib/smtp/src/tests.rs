//! Commands, replies and capabilities; the data codec has its own tests.

use proptest::prelude::*;

use crate::command::{Command, Fault};
use crate::ehlo::{Capabilities, Offer};
use crate::parameters::{Body, Notify, ParameterFault, Ret};
use crate::response::{LINE_MAX, Malformed, Parser, Response, Verdict, Wanted};
use crate::{Enhanced, Reply};

fn code(line: &str) -> u16 {
    Command::parse(line.as_bytes()).map_or_else(|fault| fault.reply().code(), |_| 250)
}

#[test]
fn reads_commands() {
    assert_eq!(Command::parse(b"quit"), Ok(Command::Quit));
    assert_eq!(Command::parse(b"EHLO  a.example "), Ok(Command::Ehlo("a.example")));
    assert_eq!(Command::parse(b"BDAT 10 last"), Ok(Command::Bdat { size: 10, last: true }));
    assert_eq!(Command::parse(b"bdat 0"), Ok(Command::Bdat { size: 0, last: false }));
    assert_eq!(Command::parse(b"NOOP whatever"), Ok(Command::Noop));
    assert!(matches!(Command::parse(b"Mail From:<a@b>"), Ok(Command::Mail(..))));
    assert!(matches!(Command::parse(b"MAIL FROM: <a@b>"), Ok(Command::Mail(..))));
    assert!(matches!(Command::parse(b"MAIL FROM:a@b SIZE=5"), Ok(Command::Mail(..))));
}

#[test]
fn refuses_what_is_no_command() {
    let cases = [
        ("", 500),
        ("FOO", 500),
        ("MAILFROM:<a@b>", 500),
        ("MAIL <a@b>", 501),
        ("MAIL FROM <a@b>", 501),
        ("MAIL FROM:", 501),
        ("RCPT TO:", 501),
        ("RCPT TO:<a@b", 501),
        ("DATA x", 501),
        ("HELO", 501),
        ("EHLO", 501),
        ("VRFY", 501),
        ("EXPN x", 502),
        ("STARTTLS now", 501),
        ("AUTH", 501),
        ("AUTH PLAIN a b", 501),
        ("MAIL FROM:<a@b> AUTH", 501),
        ("MAIL FROM:<a@b> AUTH=a=b", 501),
        ("BDAT", 501),
        ("BDAT x", 501),
        ("BDAT -1", 501),
        ("BDAT +1", 501),
        ("BDAT 1 FIRST", 501),
        ("BDAT 1 LAST x", 501),
        ("BDAT 99999999999999999999999", 501),
        ("MAIL FROM:<a@b> SIZE=", 501),
        ("MAIL FROM:<a@b> SIZE=1x", 501),
        ("MAIL FROM:<a@b> SIZE=1 SIZE=1", 501),
        ("MAIL FROM:<a@b> FOO", 555),
        ("MAIL FROM:<a@b> FOO=1", 555),
        ("MAIL FROM:<a@b> BODY=BINARYMIME", 555),
        ("MAIL FROM:<a@b> BODY=9BIT", 501),
        ("MAIL FROM:<a@b> SMTPUTF8=1", 501),
        ("MAIL FROM:<a@b> REQUIRETLS=1", 501),
        ("MAIL FROM:<a@b> REQUIRETLS REQUIRETLS", 501),
        ("MAIL FROM:<a@b> RET=SOME", 501),
        ("MAIL FROM:<a@b> ENVID=a+1", 501),
        ("MAIL FROM:<a@b> ENVID=a+2b", 501),
        ("MAIL FROM:<a@b>SIZE=1", 501),
        ("RCPT TO:<a@b> NOTIFY=NEVER,DELAY", 501),
        ("RCPT TO:<a@b> NOTIFY", 501),
        ("RCPT TO:<a@b> ORCPT=a@b", 501),
        ("RCPT TO:<a@b> ORCPT=rfc822;", 501),
        ("RCPT TO:<a@b> SIZE=1", 555),
    ];
    for (line, expected) in cases {
        assert_eq!(code(line), expected, "{line}");
    }
    assert_eq!(Command::parse(b"MAIL FROM:<\xff@b>"), Err(Fault::NotUtf8));
}

#[test]
fn reads_parameters() {
    let line = b"MAIL FROM:<a@b> size=10 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ314159+2B";
    let Ok(Command::Mail(_, mail)) = Command::parse(line) else { panic!("not taken") };
    assert_eq!((mail.size, mail.body, mail.utf8, mail.ret), (Some(10), Body::EightBit, true, Some(Ret::Headers)));
    assert_eq!(mail.envid.as_deref(), Some("QQ314159+2B"));
    let Ok(Command::Rcpt(_, rcpt)) = Command::parse(b"RCPT TO:<a@b> NOTIFY=SUCCESS,delay ORCPT=rfc822;a+2Bb@c") else {
        panic!("not taken")
    };
    assert_eq!(rcpt.notify, Some(Notify { success: true, failure: false, delay: true }));
    assert_eq!(rcpt.orcpt.as_deref(), Some("rfc822;a+2Bb@c"));
    assert!(matches!(Command::parse("RCPT TO:<a@b> ORCPT=utf-8;å@c".as_bytes()), Ok(Command::Rcpt(..))));
    assert_eq!(Command::parse("RCPT TO:<a@b> ORCPT=rfc822;å@c".as_bytes()), Err(Fault::Parameter(ParameterFault::Malformed("ORCPT"))));
    let huge = b"MAIL FROM:<a@b> SIZE=99999999999999999999";
    let Ok(Command::Mail(_, mail)) = Command::parse(huge) else { panic!("not taken") };
    assert_eq!(mail.size, Some(u64::MAX));
}

fn wire(reply: &Reply) -> String {
    let mut out = Vec::new();
    reply.write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn writes_replies() {
    assert_eq!(wire(&Reply::new(250, (2, 1, 0), "ok")), "250 2.1.0 ok\r\n");
    assert_eq!(wire(&Reply::plain(354, "go ahead")), "354 go ahead\r\n");
    assert_eq!(wire(&Reply::plain(250, "a").line("b")), "250-a\r\n250 b\r\n");
    assert_eq!(wire(&Reply::new(553, (5, 7, 1), "a\r\n250 ok\u{e5}")), "553 5.7.1 a??250 ok??\r\n");
    assert!(wire(&Reply::new(553, (5, 7, 1), "x".repeat(2000))).len() <= 512);
    assert_eq!(wire(&Reply::from_text("452 4.3.1 full")), "452 4.3.1 full\r\n");
    assert_eq!(wire(&Reply::from_text("452 5.3.1 odd")), "451 4.3.0 452 5.3.1 odd\r\n");
    assert_eq!(wire(&Reply::from_text("nonsense")), "451 4.3.0 nonsense\r\n");
    // A queue that refuses in the words of success must not make the client believe that its message is kept.
    for lie in ["250 2.0.0 ok", "354 3.0.0 go on", "220 2.0.0 x"] {
        assert_eq!(Reply::from_text(lie).code(), 451, "{lie}");
    }
}

fn one(bytes: &[u8]) -> Result<Option<Response>, Malformed> {
    Parser::default().feed(bytes).map(|(_, response)| response)
}

#[test]
fn reads_replies() {
    let Ok(Some(response)) = one(b"550-5.1.1 no\r\n550 5.1.1 ask\x07\r\n") else { panic!("no reply") };
    assert_eq!(response.one_line(100), "550 5.1.1 no/5.1.1 ask?");
    assert_eq!(response.one_line(5), "550 5");
    assert_eq!(response.enhanced(), Some(Enhanced(5, 1, 1)));
    assert_eq!(one(b"250\r\n").map(|r| r.map(|r| (r.code(), r.enhanced()))), Ok(Some((250, None))));
    assert_eq!(one(b"250 4.0.0 x\r\n").map(|r| r.and_then(|r| r.enhanced())), Ok(None));
    let mut parser = Parser::default();
    assert!(matches!(parser.feed(b"250 a\r\n354 b\r\n"), Ok((7, Some(_)))));
    assert!(!parser.is_inside_reply());
    assert!(matches!(parser.feed(b"354-b\r\n"), Ok((7, None))));
    assert!(parser.is_inside_reply());
}

#[test]
fn survives_hostile_replies() {
    for bytes in [&b"hello\r\n"[..], b"25\r\n", b"199 x\r\n", b"600 x\r\n", b"250x\r\n", b"\r\n", b"2500 x\r\n"] {
        assert_eq!(one(bytes), Err(Malformed::NoCode), "{bytes:?}");
    }
    assert_eq!(one(b"250-a\r\n550 b\r\n"), Err(Malformed::CodeChanged));
    assert_eq!(one(&vec![b'2'; LINE_MAX + 1]), Err(Malformed::LineTooLong));
    assert_eq!(one(b"250-x\r\n".repeat(20_000).as_slice()), Err(Malformed::ReplyTooLong));
}

#[test]
fn judges_replies() {
    let judge = |bytes: &[u8], wanted| one(bytes).ok().flatten().map(|response| response.judge(wanted));
    assert_eq!(judge(b"250 x\r\n", Wanted::Completion), Some(Verdict::Success));
    assert_eq!(judge(b"354 x\r\n", Wanted::Completion), Some(Verdict::OutOfStep));
    assert_eq!(judge(b"250 x\r\n", Wanted::Intermediate), Some(Verdict::OutOfStep));
    assert_eq!(judge(b"354 x\r\n", Wanted::Intermediate), Some(Verdict::Success));
    assert_eq!(judge(b"450 x\r\n", Wanted::Completion), Some(Verdict::Temporary));
    assert_eq!(judge(b"550 x\r\n", Wanted::Intermediate), Some(Verdict::Permanent));
}

#[test]
fn capabilities_come_back_from_our_offer() {
    let bytes = wire(&Offer { size: 1000, ..Offer::default() }.reply("a.example")).into_bytes();
    let Ok(Some(response)) = one(&bytes) else { panic!("no reply") };
    let capabilities = Capabilities::parse(&response);
    assert!(capabilities.pipelining && capabilities.eight_bit && capabilities.utf8 && capabilities.chunking);
    assert!(capabilities.dsn && capabilities.enhanced_codes && !capabilities.starttls);
    assert!(capabilities.takes_size(1000) && !capabilities.takes_size(1001));
    let with_tls = wire(&Offer { starttls: true, ..Offer::default() }.reply("a.example")).into_bytes();
    assert!(matches!(one(&with_tls), Ok(Some(response)) if Capabilities::parse(&response).starttls));
    let under_tls = wire(&Offer { require_tls: true, ..Offer::default() }.reply("a.example")).into_bytes();
    assert!(matches!(one(&under_tls), Ok(Some(response)) if Capabilities::parse(&response).require_tls));
}

#[test]
fn reads_odd_capabilities() {
    let bytes = b"250-PIPELINING.example\r\n250-size\r\n250-AUTH=login PLAIN\r\n250-\xff\r\n250 SIZE 0\r\n";
    let Ok(Some(response)) = one(bytes) else { panic!("no reply") };
    let capabilities = Capabilities::parse(&response);
    assert!(!capabilities.pipelining && capabilities.takes_size(u64::MAX));
    assert_eq!(capabilities.auth, ["LOGIN", "PLAIN"]);
}

proptest! {
    #[test]
    fn no_line_panics(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Command::parse(&line).map_err(|fault| fault.reply());
    }

    #[test]
    fn no_argument_panics(argument in "\\PC{0,60}") {
        let _ = Command::parse(format!("MAIL FROM:{argument}").as_bytes());
        let _ = Command::parse(format!("RCPT TO:<a@b> {argument}").as_bytes());
    }

    #[test]
    fn chunking_changes_no_reply(bytes in "(250[- ][a-z]{0,5}\r?\n){0,4}[ -~]{0,4}", cut in 0usize..40) {
        let whole = one(bytes.as_bytes());
        let (front, back) = bytes.as_bytes().split_at(cut.min(bytes.len()));
        let mut parser = Parser::default();
        let pieces = match parser.feed(front) {
            Ok((_, None)) => parser.feed(back).map(|(_, response)| response),
            other => other.map(|(_, response)| response),
        };
        prop_assert_eq!(whole, pieces);
    }
}
