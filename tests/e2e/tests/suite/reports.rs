//! What a parser of bounces that others wrote reads in ours (flufl.bounce, which Mailman uses; from PyPI, by
//! tests/run), and how Python's own reader of mail sees their structure.

use stafett_test_e2e::{Act, Arrived, Client, Signal, Sink, Site, Step, Supervisor, message, scratch, signal, skip, wait_until};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// For each file: whom the parser takes for failed, and the blocks of the report, the first of them about the message.
const READER: &str = r#"
import email, email.policy, sys
from flufl.bounce import all_failures
for name in sys.argv[1:]:
    data = open(name, "rb").read()
    temporary, permanent = all_failures(email.message_from_bytes(data))
    print("failed", *sorted(a.decode() for a in permanent))
    print("delayed", *sorted(a.decode() for a in temporary))
    m = email.message_from_bytes(data, policy=email.policy.default)
    assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "delivery-status", m["Content-Type"]
    human, report, original = m.iter_parts()
    assert human.get_content_type() == "text/plain" and report.get_content_type() == "message/delivery-status"
    print("original", original.get_content_type())
    whole, *each = report.get_payload()
    assert whole["Reporting-MTA"] == "dns; relay.test" and whole["Arrival-Date"], whole.items()
    for block in each:
        kind, address = block["Final-Recipient"].split(";")
        assert kind == "rfc822" and address.strip() in human.get_content(), block.items()
        print("recipient", address.strip(), block["Action"], block["Status"])
    assert not [d for p in m.walk() for d in p.defects]
print("end")
"#;

/// Where tests/run has put the parser.
fn parser() -> Option<PathBuf> {
    let place = PathBuf::from(std::env::var_os("STAFETT_TEST_PEERS")?).join("python");
    place.join("flufl/bounce").is_dir().then_some(place)
}

/// What the reader says of a report.
fn read(parser: &PathBuf, report: &Arrived) -> Vec<String> {
    let place = scratch();
    let file = place.path().join("report");
    fs::write(&file, &report.data).unwrap();
    let output = Command::new("python3").args(["-B", "-c", READER]).arg(&file).env("PYTHONPATH", parser).output().unwrap();
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{error}\n{}", String::from_utf8_lossy(&report.data));
    said.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn report_to<'a>(arrived: &'a [Arrived], recipient: &str) -> &'a Arrived {
    let is_for = |one: &&Arrived| one.rcpts.iter().any(|rcpt| rcpt.starts_with(&format!("<{recipient}>")));
    arrived.iter().find(is_for).unwrap_or_else(|| panic!("nothing for {recipient}: {arrived:?}"))
}

#[test]
fn a_parser_of_bounces_that_others_wrote_reads_ours() {
    let Some(parser) = parser() else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "the parser is missing; tests/run brings it");
        return skip("reports", "flufl.bounce is not there (tests/run brings it from PyPI)");
    };
    let sink = Sink::scripted(|step, _| match step {
        Step::Rcpt(line) if line.contains("gone") => Act::Say("550-5.1.1 no such user\r\n550 5.1.1 really".to_owned()),
        Step::Rcpt(line) if line.contains("later") => Act::Say("450 4.2.0 not now".to_owned()),
        // No DSN, so that success is reported on this side.
        Step::Ehlo => Act::Say("250-sink.test\r\n250 PIPELINING".to_owned()),
        _ => Act::Accept,
    });
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("doublebouncehost", "taken.test\n");
    site.control("delaynotice", "1\n");
    site.start(Supervisor::Runit);
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<several@taken.test>").must(250);
    client.command("RCPT TO:<gone.1@taken.test> NOTIFY=FAILURE").must(250);
    client.command("RCPT TO:<\"gone 2\"@taken.test>").must(250);
    client.command("RCPT TO:<there@taken.test> NOTIFY=SUCCESS").must(250);
    client.data(&message("some failed")).must(250);
    client.deliver("gone.sender@taken.test", &["gone.3@taken.test"], &message("the bounce bounces"));
    client.command("MAIL FROM:<success@taken.test> RET=HDRS").must(250);
    client.command("RCPT TO:<there@taken.test> NOTIFY=SUCCESS,FAILURE").must(250);
    client.data(&message("all is well")).must(250);
    client.deliver("waiting@taken.test", &["later@taken.test"], &message("not yet"));
    // Two messages arrive and four reports; that of the delay with the first attempt that fails a second later.
    let send = site.resident("stafett-send").pid;
    let came = wait_until(60, || {
        signal(send, Signal::SIGALRM);
        sink.seen().arrived.len() >= 6
    });
    assert!(came, "reports are missing");
    let arrived = sink.messages(6, 1);
    for (recipient, wanted) in [
        (
            "several@taken.test",
            &[
                "failed \"gone 2\"@taken.test gone.1@taken.test",
                "delayed",
                "original message/rfc822",
                "recipient gone.1@taken.test failed 5.1.1",
                "recipient \"gone 2\"@taken.test failed 5.1.1",
                "recipient there@taken.test relayed 2.0.0",
                "end",
            ][..],
        ),
        ("success@taken.test", &["failed", "delayed", "original text/rfc822-headers", "recipient there@taken.test relayed 2.0.0", "end"]),
        (
            "waiting@taken.test",
            &["failed", "delayed later@taken.test", "original text/rfc822-headers", "recipient later@taken.test delayed 4.2.0", "end"],
        ),
        (
            "postmaster@taken.test",
            &[
                // It looks into the returned bounce too.
                "failed gone.3@taken.test gone.sender@taken.test",
                "delayed",
                "original message/rfc822",
                "recipient gone.sender@taken.test failed 5.1.1",
                "end",
            ],
        ),
    ] {
        let report = report_to(&arrived, recipient);
        assert_eq!(read(&parser, report), wanted, "{}", String::from_utf8_lossy(&report.data));
    }
}
