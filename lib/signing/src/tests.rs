use crate::canonical::{Body, field};
use crate::fields::fields;
use crate::{Content, Fault, Key, Signer, arc, base64, dkim, pem};
use ring::digest::{SHA256, digest};
use stafett_address::authors;
use std::fs::File;
use std::io::Write;

fn body(pieces: &[&str]) -> String {
    let mut body = Body::new();
    pieces.iter().for_each(|piece| body.take(piece.as_bytes()));
    base64::encode(&body.finish())
}

fn hash(text: &str) -> String {
    base64::encode(digest(&SHA256, text.as_bytes()).as_ref())
}

fn file(text: &str) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn key() -> Key {
    Key::from_pkcs8(&Key::ed25519_from_seed(&[7; 32])).unwrap()
}

#[test]
fn base64_goes_both_ways() {
    for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
        assert_eq!(base64::encode(bytes.as_bytes()), text);
        assert_eq!(base64::decode(text).as_deref(), Some(bytes.as_bytes()));
    }
    assert_eq!(base64::decode("Zm 9v\r\nYmFy").as_deref(), Some(&b"foobar"[..]));
    for text in ["Z", "Zg=", "Zg===", "Z===", "Zm9*", "=", "Zg==Zg=="] {
        assert_eq!(base64::decode(text), None, "{text}");
    }
}

#[test]
fn bodies_are_relaxed() {
    // RFC 6376 section 3.4.5 and appendix of section 3.4.4: an empty body has a hash of its own
    assert_eq!(body(&[""]), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(body(&["\r\n", "\r\n \t\r\n"]), body(&[""]));
    assert_eq!(body(&[" C \r\nD \t E\r\n\r\n\r\n"]), hash(" C\r\nD E\r\n"));
    // however it comes in pieces
    assert_eq!(body(&[" C", " ", "\r", "\nD \t", " E\r\n\r", "\n\r\n"]), hash(" C\r\nD E\r\n"));
    assert_eq!(body(&["a\r\n\r\n\r\nb"]), hash("a\r\n\r\n\r\nb\r\n"));
    let (long, gaps) = ("x y".repeat(10_000), "\r\n".repeat(9_000));
    assert_eq!(body(&[&long, &gaps, "end\r\n"]), hash(&format!("{long}{gaps}end\r\n")));
}

#[test]
fn fields_are_relaxed() {
    assert_eq!(field(b"B ", b" Y\t\r\n\tZ  \r\n"), b"b:Y Z\r\n");
    assert_eq!(field(b"A", b" X\r\n"), b"a:X\r\n");
    assert_eq!(field(b"Empty", b"\r\n"), b"empty:\r\n");
}

#[test]
fn a_header_is_taken_apart() {
    let found = fields(b"From: a\r\n b\r\nno field\r\nX \t: y\r\n: z\r\nARC-Seal: a=x; i=3 ; b=\r\n q");
    let names: Vec<&[u8]> = found.iter().map(|field| field.name.as_slice()).collect();
    assert_eq!(names, [&b"From"[..], b"X", b"ARC-Seal"]);
    assert_eq!(found[0].value, b" a\r\n b\r\n");
    assert_eq!((found[2].tag("i").as_deref(), found[2].tag("b").as_deref(), found[2].tag("n")), (Some("3"), Some("q"), None));
}

#[test]
fn authors_are_found_wherever_they_stand() {
    let cases = [
        (" a@One.example", vec!["one.example"]),
        (" \"x@no.example\" <a@one.example>", vec!["one.example"]),
        (" a@no.example (b) <\"q, <x>\"@one.example>\r\n", vec!["one.example"]),
        (" a@one.example (x@no.example (deep) \\) y), Name <b@two.example>,\r\n\tc@one.example", vec!["one.example", "two.example"]),
        (" group: a@one.example, b@two.example;", vec!["one.example", "two.example"]),
        (" <@route.example,@x.example:a@one.example>", vec!["one.example"]),
        (" a@b\u{fc}cher.example", vec!["xn--bcher-kva.example"]),
        (" a@[192.0.2.1]", vec![]),
        (" undisclosed:;", vec![]),
        (" \"open <a@one.example>", vec![]),
        ("", vec![]),
    ];
    for (value, domains) in cases {
        assert_eq!(authors::domains(value.as_bytes()), domains, "{value}");
    }
}

#[test]
fn what_is_signed_cannot_be_added_to() {
    let message = file("To: b@x\r\nFrom: a@one.example\r\nDate: now\r\nX-Other: z\r\nTo: c@x\r\n\r\nbody\r\n");
    let mut content = Content::read(&[b"Subject: from", b" above"], &message).unwrap();
    assert_eq!(content.author_domains().unwrap(), ["one.example"]);
    content.hash_body(&message).unwrap();
    let key = key();
    let signer = Signer { domain: "one.example", selector: "s", key: &key, time: 5 };
    let lines = dkim::sign(&content, &signer).unwrap();
    let unfolded: String = lines.iter().map(|line| line.trim()).collect();
    assert!(unfolded.contains("h=From:From:To:To:To:Cc:Subject:Subject:Reply-To:Date:Date;"), "{unfolded}");
    assert!(unfolded.contains(&format!("bh={};", hash("body\r\n"))), "{unfolded}");
    assert!(lines.iter().all(|line| line.len() <= 78) && lines[1..].iter().all(|line| line.starts_with('\t')), "{lines:?}");
    // the same once more: nothing of it is left to chance
    assert_eq!(dkim::sign(&content, &signer).unwrap(), lines);
}

#[test]
fn odd_messages_are_refused_or_have_nothing() {
    let read = |text: &str| Content::read(&[], &file(text));
    let two = read("From: a@x.example\r\nFROM: b@y.example\r\n\r\n").unwrap();
    assert!(matches!(two.author_domains(), Err(Fault::Never(_))));
    assert!(read("\r\nFrom: a@x.example\r\n").unwrap().author_domains().unwrap().is_empty());
    assert!(read("").unwrap().author_domains().unwrap().is_empty());
    assert_eq!(read("From: a@x.example").unwrap().author_domains().unwrap(), ["x.example"]);
    let long = format!("X: y\r\n{}", "A: b\r\n".repeat(300_000));
    assert!(matches!(read(&long), Err(Fault::Never(_))));
    assert!(matches!(read(&"A: b\r\n".repeat(10_001)), Err(Fault::Never(_))));
    let crowd: String = (0..20_000).map(|number| format!("a@b{number}.example,\r\n ")).collect();
    assert_eq!(read(&format!("From: {crowd}c@d.example\r\n\r\n")).unwrap().author_domains().unwrap().len(), 50);
    // a header of more than one piece
    let header = format!("X: {}\r\nFrom: a@x.example\r\n\r\nbody", "y".repeat(200_000));
    assert_eq!(read(&header).unwrap().author_domains().unwrap(), ["x.example"]);
}

fn sealed(front: &[&str], message: &str) -> Vec<String> {
    let message = file(message);
    let front: Vec<&[u8]> = front.iter().map(|line| line.as_bytes()).collect();
    let mut content = Content::read(&front, &message).unwrap();
    content.hash_body(&message).unwrap();
    let key = key();
    arc::seal(&content, &Signer { domain: "one.example", selector: "s", key: &key, time: 5 }, "relay.example").unwrap()
}

#[test]
fn only_our_own_results_are_sealed() {
    let ours = ["Authentication-Results: Relay.example;", "\tdkim=none;", "\tarc=none"];
    let plain = "From: a@x.example\r\n\r\n";
    let lines = sealed(&ours, plain);
    assert!(lines[0].starts_with("ARC-Seal: i=1; a=ed25519-sha256; t=5; cv=none;"), "{lines:?}");
    assert!(lines.contains(&"ARC-Authentication-Results: i=1; Relay.example;".to_owned()), "{lines:?}");
    let inside = "Authentication-Results: relay.example; arc=none\r\nFrom: a@x.example\r\n\r\n";
    assert!(sealed(&[], inside).is_empty());
    assert!(sealed(&["Authentication-Results: other.example; arc=none"], plain).is_empty());
}

#[test]
fn a_chain_is_what_our_results_say() {
    let set = |i: u32, cv: &str| {
        format!("ARC-Seal: i={i}; cv={cv}; b=\r\nARC-Message-Signature: i={i}; b=\r\nARC-Authentication-Results: i={i}; x\r\n")
    };
    let chain = format!("{}{}From: a@x.example\r\n\r\n", set(2, "pass"), set(1, "none"));
    let seal = |verdict: &str, message: &str| {
        let line = format!("\tarc={verdict}");
        // a sender's text may hold anything, but not at the begin of a line
        let sender = "\tspf=pass smtp.mailfrom=\"x; arc=pass\";";
        sealed(&["Authentication-Results: relay.example;", sender, &line], message).first().cloned().unwrap_or_default()
    };
    assert!(seal("pass", &chain).starts_with("ARC-Seal: i=3; a=ed25519-sha256; t=5; cv=pass;"));
    assert!(seal("fail (the header has changed)", &chain).contains("i=3;") && seal("fail", &chain).contains("cv=fail;"));
    assert_eq!(seal("temperror", &chain), "");
    let without_verdict = sealed(&["Authentication-Results: relay.example;", "\tspf=none"], &chain);
    assert!(without_verdict.is_empty());
    assert_eq!(seal("fail", &chain.replace("cv=pass", "cv=fail")), "");
    assert_eq!(seal("pass", &format!("{}From: a@x\r\n\r\n", set(50, "pass"))), "");
    // a claim without a set is none
    assert!(seal("pass", "From: a@x.example\r\n\r\n").contains("cv=fail"));
}

#[test]
fn keys_are_read_and_say_nothing_of_themselves() {
    let der = Key::ed25519_from_seed(&[7; 32]);
    let key = Key::from_pem(&pem("PRIVATE KEY", &der)).unwrap();
    assert!(key.record().starts_with("v=DKIM1; k=ed25519; p=") && format!("{key:?}") == "Key(ed25519)");
    for text in ["", "rubbish", &pem("PRIVATE KEY", b"rubbish"), &pem("RSA PRIVATE KEY", &der), &pem("CERTIFICATE", &der)] {
        let reason = Key::from_pem(text).unwrap_err();
        assert!(!reason.contains(&base64::encode(&der)), "{reason}");
    }
}
