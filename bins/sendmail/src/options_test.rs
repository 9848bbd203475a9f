use super::{Action, Asked, parse};

fn asked(name: &str, line: &str) -> Result<Asked, String> {
    parse(name, line.split_whitespace().map(Into::into))
}

fn arguments(line: &str) -> String {
    asked("sendmail", line).unwrap().for_inject().join(" ")
}

#[test]
fn programs_get_what_they_mean() {
    // cron, git send-email, PHP, mutt, logwatch, Mailman, mailx
    assert_eq!(arguments("-i -FCronDaemon -B8BITMIME -oem root"), "-a -- root");
    assert_eq!(asked("sendmail", "-FCronDaemon root").unwrap().full_name.as_deref(), Some("CronDaemon"));
    assert_eq!(arguments("-i a@b.example c@d.example"), "-a -- a@b.example c@d.example");
    assert_eq!(arguments("-t -i"), "-H --");
    assert_eq!(arguments("-oi -oem -f me@here.example -- a@b.example"), "-a -f me@here.example -- a@b.example");
    assert_eq!(arguments("-ti -fme@here.example"), "-H -f me@here.example --");
    assert_eq!(arguments("-G -i -r x@y.example -h 3 -Am -d0.1 z"), "-a -f x@y.example -- z");
    assert_eq!(arguments("-bm -- -odd@example.org"), "-a -- -odd@example.org");
}

#[test]
fn other_names_and_modes() {
    assert_eq!(asked("mailq", "").unwrap().action, Action::Queue);
    assert_eq!(asked("newaliases", "").unwrap().action, Action::Aliases);
    assert_eq!(asked("sendmail", "-bp").unwrap().action, Action::Queue);
    assert_eq!(asked("sendmail", "-bs").unwrap().action, Action::Dialogue);
}

#[test]
fn what_cannot_be_done_is_refused_in_words() {
    for (line, word) in [
        ("", "no recipients"),
        ("-bd", "tcpserver"),
        ("-q", "qtool flush"),
        ("-N never a", "notification"),
        ("-bx", "not known"),
        ("-Z a", "not known"),
        ("-f", "needs a value"),
    ] {
        let reason = asked("sendmail", line).unwrap_err();
        assert!(reason.contains(word), "{line}: {reason}");
    }
}
