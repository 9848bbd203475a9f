use super::Parser;
use crate::failure::Failure;
use stafett_envelope::Envelope;
use stafett_wire::exitcode;

/// The envelope, or the exit code; `None` when the end has not come.
fn parse(bytes: &[u8]) -> Result<Option<Envelope>, i32> {
    let mut parser = Parser::default();
    for byte in bytes {
        if parser.take(&[*byte]).map_err(|failure: Failure| failure.code())? {
            return Ok(Some(parser.envelope));
        }
    }
    Ok(None)
}

#[test]
fn an_envelope_is_read_as_the_programs_of_qmail_write_it() {
    let envelope = parse(b"Fs@example.org\0Ta@example.net\0Tb\0\0trailing").unwrap().unwrap();
    assert_eq!(envelope.sender, "s@example.org");
    let recipients: Vec<_> = envelope.recipients.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(recipients, ["a@example.net", "b"]);
    assert!(!envelope.smtputf8);
    let bounce = parse("F\0Tr\u{e4}v@example.net\0\0".as_bytes()).unwrap().unwrap();
    assert!(bounce.sender.is_empty() && bounce.smtputf8);
}

#[test]
fn an_address_gets_the_quotes_that_it_needs() {
    let envelope = parse(b"Fmy list-@example.org-@[]\0Tjoe doe@example.net\0T\"ann lee\"@example.net\0\0").unwrap().unwrap();
    assert_eq!(envelope.sender, "\"my list-\"@example.org-@[]");
    let recipients: Vec<_> = envelope.recipients.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(recipients, ["\"joe doe\"@example.net", "\"ann lee\"@example.net"]);
}

#[test]
fn before_the_last_nul_there_is_no_envelope() {
    for early in [&b""[..], b"F", b"Fs", b"Fs\0", b"Fs\0Ta", b"Fs\0Ta\0"] {
        assert_eq!(parse(early), Ok(None), "{early:?}");
    }
}

#[test]
fn each_fault_has_its_code() {
    for (bad, code) in [
        (&b"\0"[..], exitcode::ENVELOPE),
        (b"Ta\0", exitcode::ENVELOPE),
        (b"Fs\0Fs\0", exitcode::ENVELOPE),
        (b"fs\0", exitcode::ENVELOPE),
        (b"Fs\0T\0", exitcode::REFUSED),
        (b"Fs\xff\0", exitcode::REFUSED),
        (b"Fs\0Ta\nto b\0", exitcode::REFUSED),
        (&[&b"F"[..], &[b'x'; 1004]].concat(), exitcode::ADDRESS_TOO_LONG),
    ] {
        assert_eq!(parse(bad), Err(code), "{}", String::from_utf8_lossy(bad));
    }
    let longest = [&b"F"[..], &[b'x'; 1003], b"\0\0"].concat();
    assert!(parse(&longest).unwrap().is_some());
}
