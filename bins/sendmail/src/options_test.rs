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
    for line in ["newaliases", "newaliases -v", "sendmail -bi", "sendmail -I"] {
        let (name, options) = line.split_once(' ').unwrap_or((line, ""));
        assert_eq!(asked(name, options).unwrap().action, Action::Aliases, "{line}");
    }
    for (line, words) in
        [("-q", "flush"), ("-qf", "flush"), ("-qI176", "retry 176"), ("-qRx@y", "retry --to *x@y*"), ("-v -qS@z", "retry --from *@z*")]
    {
        let words = words.split(' ').map(str::to_owned).collect();
        assert_eq!(asked("sendmail", line).unwrap().action, Action::Retry(words), "{line}");
    }
    assert_eq!(asked("sendmail", "-bp").unwrap().action, Action::Queue);
    assert_eq!(asked("sendmail", "-bs").unwrap().action, Action::Dialogue);
}

#[test]
fn values_may_stand_behind_their_option() {
    assert_eq!(arguments("-o i -e m -A m -O DeliveryMode=b -B 8BITMIME -L tag -X /dev/null -U a"), "-a -- a");
    assert_eq!(arguments("-odb -oQ/x -oProtocol=x -OErrorMode=m -d -n a"), "-a -- a");
}

#[test]
fn notifications_are_wished_for_by_variables() {
    let wishes = |line: &str| {
        let asked = asked("sendmail", line).unwrap();
        asked.wishes.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(wishes("-N success,Failure -R hdrs -V id+2B1 a"), "DSNNOTIFY=SUCCESS,FAILURE DSNRET=HDRS DSNENVID=id+2B1");
    assert_eq!(wishes("-Nnever -Rfull -Va=b+c a"), "DSNNOTIFY=NEVER DSNRET=FULL DSNENVID=a+3Db+2Bc");
    assert!(asked("sendmail", &format!("-V {} a", "x".repeat(101))).is_err());
}

#[test]
fn what_cannot_be_done_is_refused_in_words() {
    for (line, word) in [
        ("", "no recipients"),
        ("-bd", "tcpserver"),
        ("-q30m", "service send"),
        ("-qR", "service send"),
        ("-Qspam a", "qtool hold"),
        ("-bv a", "stafett-explain"),
        ("-bH", "qstat"),
        ("-N often a", "not known"),
        ("-N never,delay a", "not known"),
        ("-R body a", "not known"),
        ("-N", "needs a value"),
        ("-bx", "not known"),
        ("-Z a", "not known"),
        ("-f", "needs a value"),
    ] {
        let reason = asked("sendmail", line).unwrap_err();
        assert!(reason.contains(word), "{line}: {reason}");
    }
}
