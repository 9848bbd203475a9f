//! One exchange, and everything that must not pass.

use super::{first, last};
use crate::judge::Judged;
use crate::request::Request;
use crate::seal::Seal;
use crate::settings::Settings;
use stafett_ask::{Answer, Verdict};
use stafett_control::Control;
use stafett_smtp::base64;
use stafett_verifiers::{Key, Scram, digest, mac, random};
use std::num::NonZeroU32;

struct Bench {
    settings: Settings,
    seal: Seal,
    secret: Key,
}

impl Bench {
    fn new() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let scram = Scram::with("pencil", b"12345678".to_vec(), NonZeroU32::new(4096).unwrap());
        std::fs::write(directory.path().join("me"), "relay.example\n").unwrap();
        std::fs::write(directory.path().join("accounts"), format!("user:{scram}:\nlocked:{scram}:status=locked\n")).unwrap();
        let settings = Settings::read(&Control::new(directory.path())).unwrap();
        Bench { settings, seal: Seal::new().unwrap(), secret: random().unwrap() }
    }

    fn first(&self, message: &str, request: &Request) -> Answer {
        let request = Request { message: message.into(), ..request.clone() };
        first(&self.settings, (&self.seal, &self.secret), &request)
    }

    fn last(&self, message: &str, challenge: &Answer, request: &Request) -> (Judged, Answer) {
        let request = Request { message: message.into(), state: field(challenge, "state="), ..request.clone() };
        last(&self.settings, (&self.seal, &self.secret), &request)
    }

    /// A whole exchange; the word of the verdict.
    fn exchange(&self, header: &str, channel: &[u8], name: &str, password: &str, request: &Request) -> String {
        let bare = format!("n={name},r=abc");
        let challenge = self.first(&format!("{header}{bare}"), request);
        if challenge.verdict != Verdict::Ok {
            return reason(&challenge);
        }
        let text = text(&challenge);
        let without = format!("c={},{}", base64::encode(&[header.as_bytes(), channel].concat()), text.split(',').next().unwrap());
        let message = format!("{without},p={}", prove(password, &format!("{bare},{text},{without}"), &text));
        let (_, answer) = self.last(&message, &challenge, request);
        if answer.verdict == Verdict::Ok { "yes".into() } else { reason(&answer) }
    }
}

fn field(answer: &Answer, name: &str) -> Vec<u8> {
    answer.fields.iter().find_map(|field| field.strip_prefix(name.as_bytes())).unwrap_or_default().to_vec()
}

fn text(challenge: &Answer) -> String {
    String::from_utf8(field(challenge, "challenge=")).unwrap()
}

fn reason(answer: &Answer) -> String {
    String::from_utf8(field(answer, "reason=")).unwrap()
}

/// The client's half, written down anew.
fn prove(password: &str, messages: &str, challenge: &str) -> String {
    let mut parts = challenge.split(',').skip(1);
    let salt = base64::decode(&parts.next().unwrap().as_bytes()[2..]).unwrap();
    let rounds: u32 = parts.next().unwrap()[2..].parse().unwrap();
    let mut block = mac(password.as_bytes(), &[salt.as_slice(), &[0, 0, 0, 1]].concat());
    let mut salted = block;
    for _ in 1..rounds {
        block = mac(password.as_bytes(), &block);
        salted.iter_mut().zip(block).for_each(|(byte, other)| *byte ^= other);
    }
    let client = mac(&salted, b"Client Key");
    let signature = mac(&digest(&client), messages.as_bytes());
    let proof: Vec<u8> = client.iter().zip(signature).map(|(byte, other)| byte ^ other).collect();
    base64::encode(&proof)
}

fn plain() -> Request {
    Request::default()
}

fn bound() -> Request {
    Request { binds: true, offers_binding: true, channels: vec![("tls-exporter".into(), b"data".to_vec())], ..Request::default() }
}

#[test]
fn who_knows_the_password_is_let_in() {
    let bench = Bench::new();
    assert_eq!(bench.exchange("n,,", b"", "user", "pencil", &plain()), "yes");
    assert_eq!(bench.exchange("n,a=USER,", b"", "User", "pencil", &plain()), "yes");
    assert_eq!(bench.exchange("y,,", b"", "user", "pencil", &plain()), "yes");
    assert_eq!(bench.exchange("p=tls-exporter,,", b"data", "user", "pencil", &bound()), "yes");
}

#[test]
fn who_does_not_is_not() {
    let bench = Bench::new();
    assert_eq!(bench.exchange("n,,", b"", "user", "crayon", &plain()), "wrong");
    assert_eq!(bench.exchange("n,,", b"", "nobody", "pencil", &plain()), "unknown");
    assert_eq!(bench.exchange("n,,", b"", "no=3Dbody", "pencil", &plain()), "unknown");
    assert_eq!(bench.exchange("n,,", b"", "us er", "pencil", &plain()), "unknown");
    assert_eq!(bench.exchange("n,,", b"", "locked", "pencil", &plain()), "locked");
    assert_eq!(bench.exchange("n,,", b"", "locked", "crayon", &plain()), "wrong");
    assert_eq!(bench.exchange("n,a=other,", b"", "user", "pencil", &plain()), "other-account");
}

#[test]
fn the_channel_must_be_the_one() {
    let bench = Bench::new();
    assert_eq!(bench.exchange("p=tls-exporter,,", b"other", "user", "pencil", &bound()), "binding", "somebody in the middle");
    assert_eq!(bench.exchange("p=tls-unique,,", b"data", "user", "pencil", &bound()), "binding");
    assert_eq!(bench.exchange("n,,", b"", "user", "pencil", &bound()), "binding", "PLUS without a binding");
    assert_eq!(bench.exchange("p=tls-exporter,,", b"data", "user", "pencil", &Request { binds: false, ..bound() }), "binding");
    let downgraded = Request { binds: false, ..bound() };
    assert_eq!(bench.exchange("y,,", b"", "user", "pencil", &downgraded), "binding", "the offer was taken away on its way");
    assert_eq!(bench.exchange("n,,", b"", "user", "pencil", &downgraded), "yes");
}

#[test]
fn messages_that_were_changed_are_refused() {
    let bench = Bench::new();
    let challenge = bench.first("n,,n=user,r=abc", &plain());
    let (text, said) = (text(&challenge), |message: &str| reason(&bench.last(message, &challenge, &plain()).1));
    let nonce = text.split(',').next().unwrap();
    let proof = |without: &str| prove("pencil", &format!("n=user,r=abc,{text},{without}"), &text);
    assert_eq!(said(&format!("c=biws,r=abc,p={}", proof("c=biws,r=abc"))), "wrong", "the nonce of the client alone");
    let other = format!("c=eSws,{nonce}");
    assert_eq!(said(&format!("{other},p={}", proof(&other))), "binding");
    let good = format!("c=biws,{nonce}");
    assert_eq!(said(&format!("{good},x=y,p={}", proof(&good))), "wrong");
    assert_eq!(said(&good), "malformed");
    assert_eq!(said(""), "malformed");
    let elsewhere = Bench::new();
    let message = format!("{good},p={}", proof(&good));
    assert_eq!(reason(&elsewhere.last(&message, &challenge, &plain()).1), "stale");
    assert_eq!(reason(&bench.last(&message, &Answer::new(Verdict::Ok, ""), &plain()).1), "stale");
    let next = bench.first("n,,n=user,r=abc", &plain());
    assert_eq!(reason(&bench.last(&message, &next, &plain()).1), "wrong", "said again");
    assert_eq!(bench.last(&message, &challenge, &plain()).1.verdict, Verdict::Ok);
}

#[test]
fn nobody_looks_like_somebody() {
    let bench = Bench::new();
    let salt = |name: &str| text(&bench.first(&format!("n,,n={name},r=abc"), &plain())).split(',').nth(1).unwrap().to_owned();
    assert_eq!(salt("nobody"), salt("nobody"));
    assert_eq!(salt("NOBODY"), salt("nobody"));
    assert_ne!(salt("nobody"), salt("nobody2"));
}
