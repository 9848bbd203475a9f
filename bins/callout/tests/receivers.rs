//! Real hosts that are asked: Exim and OpenSMTPD (Postfix stands behind a whole relay in tests/e2e).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

#[path = "../../remote/tests/support/receivers.rs"]
#[allow(dead_code, reason = "not every receiver is asked")]
mod receivers;
mod support;

use receivers::{exim, opensmtpd, skip, smtp_sink};
use support::{Callout, Verdict};

const SKIPPED: &str = "needs root and the package laid out by tests/run";

/// Each recipient with the verdict that the host must lead to.
fn asks(callout: &Callout, expected: &[(&str, Verdict)]) {
    for (address, verdict) in expected {
        let answer = callout.ask(address);
        assert_eq!(answer.verdict, *verdict, "{address}: {answer:?}\n{}", callout.log());
    }
}

#[test]
fn exim_is_asked() {
    let Some(exim) = exim() else { return skip("exim_is_asked", SKIPPED) };
    let callout = Callout::for_port(exim.port, "on connections=1");
    asks(
        &callout,
        &[("unknown@taken.test", Verdict::Permanent), ("grey@taken.test", Verdict::Temporary), ("b@far.test", Verdict::Permanent)],
    );
    // It takes everybody else in that domain, which is found out.
    asks(&callout, &[("a@taken.test", Verdict::Ok), ("unknown@taken.test", Verdict::Permanent)]);
    callout.wait_for_log("every recipient of taken.test is accepted");
    assert_eq!(callout.short("c@taken.test"), "K everybody");
}

#[test]
fn opensmtpd_is_asked() {
    let Some(opensmtpd) = opensmtpd() else { return skip("opensmtpd_is_asked", SKIPPED) };
    let callout = Callout::for_port(opensmtpd.port, "on connections=1");
    asks(&callout, &[("b@far.test", Verdict::Permanent), ("root@taken.test", Verdict::Ok), ("root@taken.test", Verdict::Ok)]);
}

#[test]
fn postfixs_smtp_sink_fails_in_every_way_it_knows() {
    for (options, expected) in [
        (&["-r", "connect"][..], Verdict::Temporary),
        (&["-f", "connect"], Verdict::Temporary),
        (&["-q", "connect"], Verdict::Temporary),
        (&["-f", "ehlo"], Verdict::Ok),
        (&["-f", "ehlo,helo"], Verdict::Temporary),
        (&["-r", "mail"], Verdict::Temporary),
        (&["-f", "mail"], Verdict::Temporary),
        (&["-q", "mail"], Verdict::Temporary),
        (&["-r", "rcpt"], Verdict::Temporary),
        // it says 500, which speaks of the command
        (&["-f", "rcpt"], Verdict::Temporary),
        (&["-q", "rcpt"], Verdict::Temporary),
        (&["-p"], Verdict::Ok),
        (&["-e"], Verdict::Ok),
    ] {
        let Some(sink) = smtp_sink(options) else {
            return skip("postfixs_smtp_sink_fails_in_every_way_it_knows", "needs Postfix's smtp-sink");
        };
        let callout = Callout::for_port(sink.port, "on");
        let answer = callout.ask("b@to.test");
        assert_eq!(answer.verdict, expected, "{options:?}: {answer:?}\n{}", callout.log());
    }
}
