//! The dialogue and its decisions without a connection: what no script can try exhaustively.

use proptest::prelude::*;
use stafett_address::{Domain, Mailbox};
use stafett_ask::Answer;
use stafett_instance::Service;
use stafett_route::RcptHosts;
use stafett_smtp::Reply;
use stafett_ucspi::Environment;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::badmailfrom::BadMailFrom;
use crate::checks::{callout, recipients};
use crate::client::Client;
use crate::dialogue::{Dialogue, Step, Target};
use crate::front::Fronts;
use crate::policy::Policy;
use crate::services::Services;
use crate::session::Tls;
use crate::settings::Settings;

struct Roomy;

impl Services for Roomy {
    fn room(&mut self, _bytes: u64) -> Result<(), Reply> {
        Ok(())
    }

    fn ask(
        &mut self,
        _service: Service,
        _question: &[&[u8]],
        _descriptor: Option<BorrowedFd<'_>>,
        _within: Duration,
    ) -> io::Result<Answer> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn complain(&mut self, _text: &str) {}
}

pub(crate) fn settings(listed: &[&str]) -> Settings {
    let mut rcpthosts = RcptHosts::new();
    listed.iter().enumerate().for_each(|(index, line)| rcpthosts.insert(index + 1, line).unwrap());
    Settings {
        me: "relay.example".into(),
        greeting: "relay.example ESMTP".into(),
        local_ip_host: Domain::parse("relay.example").unwrap(),
        rcpthosts,
        badmailfrom: BadMailFrom::from_words("@bad.example").unwrap(),
        recipients: recipients::Lists::default(),
        callout: callout::Rules::default(),
        etrn: Default::default(),
        fronts: Fronts::default(),
        certificates: false,
        tls_clients: std::collections::HashMap::new(),
        auth: Default::default(),
        databytes: 0,
        max_recipients: 5,
        max_hops: 100,
        max_commands: 1000,
        max_errors: 1000,
        spf_behavior: 0,
        dmarc_behavior: 0,
        timeout: Duration::from_secs(1),
        session: Duration::from_secs(1),
        locals: stafett_route::Locals::default(),
        signs: crate::settings::signs::Signs::default(),
        limits: Default::default(),
        masquerades: Default::default(),
        milters: Default::default(),
        signing: Default::default(),
        srs: Default::default(),
    }
}

pub(crate) fn client(items: &[&str]) -> Client {
    let environment = Environment::from_items(items.iter().map(|item| item.as_bytes())).unwrap();
    Client::from_environment(environment).unwrap()
}

/// The code of the reply to a line, or 354 where a message would be received.
fn code<R>(step: &Step<R>) -> u16 {
    match step {
        Step::Say(reply) | Step::End(reply) | Step::Skip(_, reply) | Step::StartTls(reply) => reply.code(),
        Step::Authenticated { reply, .. } => reply.code(),
        Step::Refuse(refusal) | Step::RefuseLate(refusal, _) => refusal.reply.code(),
        Step::Receive(_) | Step::Chunk { .. } => 354,
        Step::Replace(_) => 220,
    }
}

fn open<'a>(policy: Policy<'a>) -> Dialogue<'a, ()> {
    let mut dialogue = Dialogue::new(policy);
    for line in ["EHLO c.example", "MAIL FROM:<a@b.example> SMTPUTF8"] {
        assert_eq!(code(&dialogue.serve(line.as_bytes(), &mut Roomy)), 250);
    }
    dialogue
}

/// The recipients of the transaction that DATA takes away.
fn recipients(mut dialogue: Dialogue<'_, ()>) -> Vec<String> {
    match dialogue.serve(b"DATA", &mut Roomy) {
        Step::Receive(transaction) => transaction.envelope.recipients.into_iter().map(|recipient| recipient.address).collect(),
        _ => Vec::new(),
    }
}

/// Pieces of addresses that relay testers put together.
fn address() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a"),
        Just("@"),
        Just("%"),
        Just("!"),
        Just("\""),
        Just("\\"),
        Just("."),
        Just(":"),
        Just(","),
        Just("<"),
        Just(">"),
        Just("["),
        Just("]"),
        Just(" "),
        Just("example.org"),
        Just("evil.example"),
        Just("127.0.0.1"),
        Just("xn--"),
        Just("ü"),
        Just("。"),
        Just("postmaster"),
        Just("\u{0}"),
        Just("\t"),
        Just("(c)"),
    ];
    proptest::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Whatever passes has exactly the listed domain, and a local part that no host behind us can take for a route.
    #[test]
    fn nothing_gets_past_rcpthosts(address in address(), bracketed in any::<bool>()) {
        let (settings, client) = (settings(&["example.org"]), client(&["TCPLOCALIP=127.0.0.1"]));
        let mut dialogue = open(Policy { settings: &settings, client: &client });
        let path = if bracketed { format!("<{address}>") } else { address };
        let passed = code(&dialogue.serve(format!("RCPT TO:{path}").as_bytes(), &mut Roomy)) == 250;
        for recipient in recipients(dialogue) {
            prop_assert!(passed);
            let mailbox = Mailbox::parse(&recipient).unwrap();
            let postmaster = mailbox.to_string() == "postmaster@relay.example";
            prop_assert!(postmaster || mailbox.domain().as_name() == Some("example.org"), "{} became {}", path, recipient);
            prop_assert!(!mailbox.local().contains(['@', '%', '!']), "{} became {}", path, recipient);
        }
    }

    #[test]
    fn an_empty_list_passes_nothing(address in address()) {
        let (settings, client) = (settings(&[]), client(&[]));
        let mut dialogue = open(Policy { settings: &settings, client: &client });
        let _ = dialogue.serve(format!("RCPT TO:<{address}>").as_bytes(), &mut Roomy);
        prop_assert!(recipients(dialogue).iter().all(|recipient| recipient == "postmaster@relay.example"));
    }

    /// A message is received only for recipients that were accepted since the last reset.
    #[test]
    fn no_transaction_outlives_a_reset(order in proptest::collection::vec(0usize..9, 0..30)) {
        let (settings, client) = (settings(&["example.org"]), client(&[]));
        let mut dialogue = Dialogue::new(Policy { settings: &settings, client: &client });
        let mut expected = 0;
        let mut chunked = false;
        for choice in order {
            let line: &[u8] = [
                &b"EHLO c"[..], b"MAIL FROM:<a@b.example>", b"RCPT TO:<a@example.org>", b"RCPT TO:<a@evil.example>", b"RSET", b"DATA",
                b"BDAT 0", b"BDAT 0 LAST", b"NOOP",
            ][choice];
            let step = dialogue.serve(line, &mut Roomy);
            match (choice, step) {
                (0 | 4, step) => {
                    prop_assert_eq!(code(&step), 250);
                    (expected, chunked) = (0, false);
                }
                (2, step) if code(&step) == 250 => expected += 1,
                (5, Step::Receive(transaction)) => {
                    prop_assert_eq!(transaction.envelope.recipients.len(), expected);
                    expected = 0;
                }
                (6 | 7, Step::Chunk { target, last, .. }) => {
                    match target {
                        Target::First(transaction) => {
                            prop_assert!(!chunked);
                            prop_assert_eq!(transaction.envelope.recipients.len(), expected);
                        }
                        Target::Next(()) => prop_assert!(chunked),
                    }
                    expected = 0;
                    chunked = !last;
                    if !last {
                        dialogue.resume(());
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn no_line_panics(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..5)) {
        let (settings, client) = (settings(&["example.org"]), client(&[]));
        let mut dialogue: Dialogue<'_, ()> = Dialogue::new(Policy { settings: &settings, client: &client });
        for line in lines {
            let _ = dialogue.serve(&line, &mut Roomy);
        }
    }
}

#[test]
fn a_relay_client_is_bound_by_badmailfrom_all_the_same() {
    let (settings, client) = (settings(&[]), client(&["RELAYCLIENT="]));
    let mut dialogue: Dialogue<'_, ()> = Dialogue::new(Policy { settings: &settings, client: &client });
    for (line, expected) in [("HELO c", 250), ("MAIL FROM:<x@BAD.example>", 250), ("RCPT TO:<a@anywhere.example>", 553)] {
        assert_eq!(code(&dialogue.serve(line.as_bytes(), &mut Roomy)), expected, "{line}");
    }
}

#[test]
fn bouncemail_is_cut() {
    let client = client(&[&format!("BOUNCEMAIL=-{}", "x".repeat(500))]);
    assert_eq!(client.bounce.map(|bounce| (bounce.permanent, bounce.text.len())), Some((true, 200)));
}

#[test]
fn an_empty_bouncemail_means_nothing() {
    assert_eq!(client(&["BOUNCEMAIL="]).bounce, None);
}

#[test]
fn requiretls_is_offered_and_taken_under_tls_alone() {
    let (settings, client) = (settings(&["b.example"]), client(&["TCPREMOTEIP=192.0.2.1"]));
    let mut dialogue: Dialogue<'_, ()> = Dialogue::new(Policy { settings: &settings, client: &client });
    let offers = |step: Step<()>| matches!(step, Step::Say(reply) if reply.one_line().contains("REQUIRETLS"));
    let mail = b"MAIL FROM:<a@b.example> REQUIRETLS";
    assert!(!offers(dialogue.serve(b"EHLO c.example", &mut Roomy)));
    assert_eq!(code(&dialogue.serve(mail, &mut Roomy)), 530);
    dialogue.secured(Tls::default());
    assert!(offers(dialogue.serve(b"EHLO c.example", &mut Roomy)));
    assert_eq!(code(&dialogue.serve(mail, &mut Roomy)), 250);
    dialogue.serve(b"RCPT TO:<x@b.example>", &mut Roomy);
    assert!(matches!(dialogue.serve(b"DATA", &mut Roomy), Step::Receive(transaction) if transaction.envelope.require_tls));
}

#[test]
fn help_names_what_this_session_offers() {
    let (settings, client) = (settings(&[]), client(&["UCSPITLS="]));
    let mut dialogue: Dialogue<'_, ()> = Dialogue::new(Policy { settings: &settings, client: &client });
    let help = |dialogue: &mut Dialogue<'_, ()>| match dialogue.serve(b"HELP", &mut Roomy) {
        Step::Say(reply) => reply.one_line(),
        other => panic!("{other:?}"),
    };
    assert_eq!(help(&mut dialogue), "214 2.0.0 HELO EHLO STARTTLS MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
    dialogue.secured(Tls::default());
    assert_eq!(help(&mut dialogue), "214 2.0.0 HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
}
