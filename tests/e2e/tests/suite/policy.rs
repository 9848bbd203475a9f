//! What smtpd takes and refuses, through the real port.

use stafett_test_e2e::{Client, Reply, Sink, Site, Supervisor, is_root, message, program, skip, transfer, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn relay_with(sink: &Sink, files: &[(&str, &str)]) -> Site {
    let mut site = Site::new();
    site.control("smtproutes", &sink.route());
    for (name, content) in files {
        site.control(name, content);
    }
    site.start(Supervisor::Runit);
    site
}

/// What smtpd says to this recipient.
fn rcpt(site: &Site, address: &str) -> Reply {
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command(&format!("RCPT TO:{address}"))
}

#[test]
fn without_usable_rcpthosts_mail_is_taken_for_nobody() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[]);
    let _ = fs::remove_file(site.path("control/rcpthosts"));
    assert!(wait_until(10, || rcpt(&site, "<b@taken.test>").code == 553), "rcpthosts missing: {:?}", rcpt(&site, "<b@taken.test>"));
    site.control("rcpthosts", "");
    rcpt(&site, "<b@taken.test>").must(553).saying("rcpthosts");
    site.control("rcpthosts", "# only a comment\n\n");
    rcpt(&site, "<b@taken.test>").must(553);
    assert!(sink.seen().arrived.is_empty());
}

#[test]
fn a_start_with_broken_rcpthosts_never_relays() {
    for content in ["not a domain!\n", "taken.test\n*\n"] {
        let sink = Sink::new();
        let mut site = Site::new();
        site.control("smtproutes", &sink.route());
        site.control("rcpthosts", content);
        site.start_only(Supervisor::Runit);
        never_taken(&site);
    }
    if is_root() {
        let mut site = Site::new();
        site.control("rcpthosts", "taken.test\n");
        fs::set_permissions(site.path("control/rcpthosts"), fs::Permissions::from_mode(0o000)).unwrap();
        site.start_only(Supervisor::Runit);
        never_taken(&site);
        let mut site = Site::new();
        let _ = fs::remove_file(site.path("control/rcpthosts"));
        fs::create_dir(site.path("control/rcpthosts")).unwrap();
        site.start_only(Supervisor::Runit);
        never_taken(&site);
    } else {
        skip("a_start_with_broken_rcpthosts_never_relays (unreadable file)", "needs root: the services run as the file's owner");
    }
}

/// Whatever the relay says, it is no 250 to RCPT; and the log names the file.
fn never_taken(site: &Site) {
    let named = wait_until(15, || site.logs().contains("control/rcpthosts"));
    assert!(named, "no log names control/rcpthosts:\n{}", site.logs());
    for _ in 0..3 {
        if let Ok(mut client) = Client::try_connect(([127, 0, 0, 1], site.port()).into())
            && client.reply().code == 220
        {
            client.command("HELO client.test");
            client.command("MAIL FROM:<a@sender.test>");
            let reply = client.command("RCPT TO:<b@taken.test>");
            assert!(reply.code >= 400, "{reply:?}");
        }
    }
}

#[test]
fn control_counts_from_the_next_connection_and_a_broken_file_keeps_the_last_good_copy() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n")]);
    let mut before = Client::greeted(site.port());
    site.control("rcpthosts", "other.test\n");
    rcpt(&site, "<b@taken.test>").must(553);
    rcpt(&site, "<b@other.test>").must(250);
    before.command("MAIL FROM:<a@sender.test>").must(250);
    before.command("RCPT TO:<b@taken.test>").must(250);
    site.control("rcpthosts", "fine.test\nnot a domain!\n");
    rcpt(&site, "<b@other.test>").must(250);
    rcpt(&site, "<b@fine.test>").must(553);
    site.logged("smtpd", "control/rcpthosts:2");
    site.control("rcpthosts", "fine.test\n");
    rcpt(&site, "<b@fine.test>").must(250);
    site.control("databytes", "many\n");
    rcpt(&site, "<b@fine.test>").must(250);
    site.logged("smtpd", "control/databytes:1");
}

#[test]
fn rules_give_relayclient_and_bouncemail_and_change_while_running() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n")]);
    rcpt(&site, "<b@far.test>").must(553);
    site.rules("127.:allow,RELAYCLIENT=\"\"\n:deny\n");
    rcpt(&site, "<b@far.test>").must(250);
    site.rules("127.:allow,RELAYCLIENT=\".gate.test\"\n");
    let mut client = Client::greeted(site.port());
    client.deliver("a@sender.test", &["b@far.test"], &message("appended"));
    assert!(sink.messages(1, 10)[0].rcpts[0].starts_with("<b@far.test.gate.test>"));
    site.rules("127.:allow,BOUNCEMAIL=\"listed at zone.test\"\n");
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    for _ in 0..2 {
        let reply = client.command("RCPT TO:<b@taken.test>").saying("listed at zone.test");
        assert!(reply.code >= 400, "{reply:?}");
    }
    client.command("DATA").code.checked_sub(400).expect("no message without recipients");
    client.command("NOOP").must(250);
    site.rules("127.0.0.1:deny\n");
    let mut client = Client::connect(site.port());
    assert!(client.is_closed());
    site.logged("tcpserver", "deny ");
    site.rules("127.:allow,DATABYTES=\"1000\"\n");
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test> SIZE=1001").must(552);
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    client.data(&[b"x".repeat(70), b"\r\n".to_vec()].concat().repeat(20)).must(552).saying("databytes");
}

#[test]
fn bad_senders_are_refused_at_each_recipient() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n"), ("badmailfrom", "spam@sender.test\n@bad.test\n")]);
    for sender in ["spam@sender.test", "SPAM@Sender.Test", "anyone@bad.test", "anyone@BAD.TEST"] {
        let mut client = Client::greeted(site.port());
        client.command(&format!("MAIL FROM:<{sender}>")).must(250);
        client.command("RCPT TO:<b@taken.test>").must(553).saying("badmailfrom");
        client.command("RCPT TO:<c@taken.test>").must(553);
        client.command("DATA").code.checked_sub(400).expect("no message without recipients");
    }
    for sender in ["nospam@sender.test", "anyone@notbad.test", "anyone@sub.bad.test", ""] {
        let mut client = Client::greeted(site.port());
        client.command(&format!("MAIL FROM:<{sender}>")).must(250);
        client.command("RCPT TO:<b@taken.test>").must(250);
    }
    site.logged("smtpd", "badmailfrom:");
}

#[test]
fn databytes_bounds_a_message_with_and_without_size() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n"), ("databytes", "5000\n")]);
    let mut client = Client::connect(site.port());
    client.expect(220);
    client.command("EHLO client.test").must(250).saying("SIZE 5000");
    client.command("MAIL FROM:<a@sender.test> SIZE=5001").must(552);
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    client.data(&b"0123456789abcdefgh\r\n".repeat(260)).must(552).saying("databytes limit");
    client.deliver("a@sender.test", &["b@taken.test"], &b"0123456789abcdefgh\r\n".repeat(240));
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    client.send(b"BDAT 6000 LAST\r\n");
    client.send(&b"0123456789abcdefgh\r\n".repeat(300));
    client.expect(552);
    client.command("NOOP").must(250);
    sink.messages(1, 10);
    site.drained(5);
    assert_eq!(sink.seen().arrived.len(), 1);
}

/// Every form of address with which relays were ever tricked: none may be taken for another domain.
#[test]
fn no_form_of_address_gets_past_rcpthosts() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n"), ("localiphost", "taken.test\n")]);
    let forms = [
        "<b@far.test>",
        "b@far.test",
        "<b%far.test@relay.test>",
        "<far.test!b>",
        "<relay.test!far.test!b>",
        "<@far.test:b@other.test>",
        "<b@far.test@other.test>",
        "<b>",
        "<>",
        "< >",
        "<b@>",
        "<@far.test>",
        "<\"b@far.test\">",
        "<\"b@taken.test\"@far.test>",
        "<\"b@taken.test@far.test\">",
        "<b@[127.0.0.2]>",
        "<b@[IPv6:::1]>",
        "<b@far.test.>",
        "<b@taken.test.far.test>",
        "<b@nottaken.test>",
        "<b@sub.taken.test>",
        "<b@far.test,taken.test>",
        "<b@far.test taken.test>",
        "<b@far.test\t@taken.test>",
        "<b@far.test#taken.test>",
        "<b@far.test(taken.test)>",
        "<b@far.test:taken.test>",
        "<b@far.test\0@taken.test>",
        "<@taken.test,@far.test:b@far.test>",
        "<b@taken.test>@far.test",
        "<<b@taken.test>@far.test>",
        "<b@taken.test@far.test>",
        "<mailto:b@far.test>",
        "<b@ta\u{7f}ken.test>",
        "<b@taken\\.test>",
        "<b@far.test\\@taken.test>",
    ];
    for form in forms {
        let reply = rcpt(&site, form);
        assert!((500..600).contains(&reply.code), "{form:?} was answered {reply:?}");
    }
    // What looks odd but is for our domain may be taken, and must then go to that domain alone.
    for form in
        ["<b%far.test@taken.test>", "<far.test!b@taken.test>", "<\"b@far.test\"@taken.test>", "<@far.test:b@taken.test>", "<b@taken.test.>"]
    {
        let mut client = Client::greeted(site.port());
        client.command("MAIL FROM:<a@sender.test>").must(250);
        if client.command(&format!("RCPT TO:{form}")).code == 250 {
            client.data(&message("odd")).must(250);
        }
    }
    site.drained(10);
    for arrived in sink.seen().arrived.iter() {
        let path = arrived.rcpts[0].split('>').next().unwrap();
        assert!(path.trim_end_matches('.').ends_with("@taken.test"), "{:?}", arrived.rcpts);
        assert!(!path.starts_with("<@"), "a source route was passed on: {:?}", arrived.rcpts);
    }
}

/// Whatever ends a message for one server and not for another must not end it here, and must not be passed on.
#[test]
fn nothing_is_smuggled() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n")]);
    let ends: &[&[u8]] = &[
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r\n.\r",
        b"\r.\r\n",
        b"\n.\r",
        b"\r\r\n.\r\r\n",
        b"\n\n.\n\n",
        b"\0\r\n.\n",
        b"\r\n\x00.\r\n\n",
        b"\r\n.\0\r\n\r",
        b"\r\n..\n",
        b"\n..\r\n",
    ];
    for end in ends {
        let mut client = Client::greeted(site.port());
        client.command("MAIL FROM:<a@sender.test>").must(250);
        client.command("RCPT TO:<b@taken.test>").must(250);
        client.command("DATA").must(354);
        client.send(b"Subject: outer\r\n\r\nouter");
        client.send(end);
        client
            .send(b"MAIL FROM:<admin@taken.test>\r\nRCPT TO:<b@taken.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n");
        let reply = client.reply();
        // One refusal for the whole, after the one true end.
        assert!((500..600).contains(&reply.code), "{end:?} was answered {reply:?}");
        client.expect(221);
    }
    // In pieces of one byte, too, and by BDAT.
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    client.command("DATA").must(354);
    for byte in b"outer\r\n.\nRSET\r\n\r\n.\r\n" {
        client.send(&[*byte]);
    }
    assert!(client.reply().code >= 500);
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    let inner = b"Subject: x\r\n\r\nfirst\r\n.\r\nMAIL FROM:<admin@taken.test>\r\n";
    client.send(format!("BDAT {} LAST\r\n", inner.len()).as_bytes());
    client.send(inner);
    client.expect(250);
    let arrived = &sink.messages(1, 10)[0];
    assert_eq!(arrived.without_trace(), inner, "a dot line in BDAT is content");
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    client.send(b"BDAT 20 LAST\r\nbare\nlf or bare\rcr\r\n.");
    assert!(client.reply().code >= 500, "a bare LF in BDAT was taken");
    site.drained(5);
    assert_eq!(sink.seen().arrived.len(), 1);
}

#[test]
fn limits_of_a_session_hold() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n"), ("maxrecipients", "3\n"), ("timeoutsmtpd", "2\n")]);
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    for _ in 0..3 {
        client.command("RCPT TO:<b@taken.test>").must(250);
    }
    client.command("RCPT TO:<b@taken.test>").must(452);
    client.data(&message("three")).must(250);
    client.expect(421).saying("421");
    assert!(client.is_closed(), "the session goes on after the time limit");
    let mut client = Client::greeted(site.port());
    client.send(&b"x".repeat(100_000));
    client.send(b"\r\n");
    assert!(client.reply().code >= 500);
    let mut client = Client::greeted(site.port());
    let hung_up = (0..1000).any(|_| matches!(client.command("NONSENSE").code, 0 | 421));
    assert!(hung_up, "a thousand errors are one session");
    site.logged("smtpd", "127.0.0.1");
}

#[test]
fn a_looping_message_is_refused() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n")]);
    let mut client = Client::greeted(site.port());
    let hops = |count: usize| [b"Received: from x by y; Thu, 1 Jan 1970 00:00:00 +0000\r\n".repeat(count), message("loop")].concat();
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    client.data(&hops(100)).must(554).saying("hops");
    client.deliver("a@sender.test", &["b@taken.test"], &hops(98));
    sink.messages(1, 10);
}

#[test]
fn a_typed_session_is_served() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n")]);
    let mut client = Client::connect(site.port());
    client.expect(220).saying("relay.test");
    client.command("helo me").must(250);
    client.command("mail from:a@sender.test").must(250);
    client.command("rcpt to: <b@taken.test>").must(250);
    client.command("vrfy postmaster").must(252);
    client.command("help").must(214);
    client.command("noop").must(250);
    client.command("expn list").code.checked_sub(500).expect("EXPN is refused");
    client.command("data").must(354);
    client.send(b"hello\r\n.\r\n");
    client.expect(250);
    client.command("quit").must(221);
    assert!(client.is_closed());
    assert_eq!(sink.messages(1, 10)[0].mail.split('>').next(), Some("<a@sender.test"));
}

#[test]
fn commands_out_of_order_are_refused() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n")]);
    let mut client = Client::connect(site.port());
    client.expect(220);
    client.command("RCPT TO:<b@taken.test>").must(503);
    client.command("DATA").must(503);
    client.command("EHLO client.test").must(250);
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("MAIL FROM:<a@sender.test>").must(503);
    let reply = client.command("DATA").code;
    assert!(matches!(reply, 503 | 554), "{reply}");
    client.command("RCPT TO:<b@taken.test>").must(250);
    client.command("EHLO client.test").must(250);
    client.command("DATA").must(503);
}

#[test]
fn all_commands_in_one_write_are_answered_in_order() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n")]);
    let mut client = Client::connect(site.port());
    client.expect(220);
    client.send(b"EHLO client.test\r\nMAIL FROM:<a@sender.test>\r\nRCPT TO:<b@far.test>\r\nRCPT TO:<b@taken.test>\r\nDATA\r\n");
    for code in [250, 250, 553, 250, 354] {
        client.expect(code);
    }
    client.send(b"one\r\n.\r\nRSET\r\nQUIT\r\n");
    for code in [250, 250, 221] {
        client.expect(code);
    }
    sink.messages(1, 10);
}

#[test]
fn the_smallest_sizes_of_rfc_5321_are_served() {
    let sink = Sink::new();
    let site = relay_with(&sink, &[("rcpthosts", "taken.test\n")]);
    let local = "l".repeat(64);
    let domain = ["d".repeat(63), "d".repeat(63), "d".repeat(63), "d".repeat(50), "test".to_owned()].join(".");
    let mut client = Client::greeted(site.port());
    client.command(&format!("MAIL FROM:<{local}@{}>", &domain[domain.len() - 180..])).must(250);
    for number in 0..100 {
        client.command(&format!("RCPT TO:<{number}{}@taken.test>", &local[4..])).must(250);
    }
    let long_line = [b"t".repeat(998), b"\r\n".to_vec()].concat();
    client.data(&long_line.repeat(80)).must(250);
    assert_eq!(sink.messages(1, 10).iter().map(|arrived| arrived.rcpts.len()).sum::<usize>(), 100);
    assert!(transfer(site.port(), "", "postmaster@taken.test", &message("null-sender")).code == 250);
}

/// What a client hears is what the explaining tool said, for every kind of verdict and both kinds of client.
#[test]
fn explain_and_smtpd_say_the_same() {
    let sink = Sink::new();
    let mut site = Site::new();
    site.control("smtproutes", &sink.route());
    site.control("rcpthosts", "taken.test\n.below.test\n");
    site.control("badmailfrom", "@bad.test\n");
    site.control("databytes", "5000\n");
    site.control("maxrecipients", "1\n");
    site.start(Supervisor::Runit);
    let cases: [(&str, &str, u64); 7] = [
        ("a@sender.test", "b@taken.test", 10),
        ("a@sender.test", "b@x.below.test", 10),
        ("a@sender.test", "b@refused.test", 10),
        ("a@sender.test", "b%c@taken.test", 10),
        ("a@bad.test", "b@taken.test", 10),
        ("a@sender.test", "b@taken.test", 6000),
        ("", "postmaster", 10),
    ];
    for (from, to, size) in cases {
        let mut client = Client::greeted(site.port());
        let mut heard = client.command(&format!("MAIL FROM:<{from}> SIZE={size}"));
        if heard.code == 250 {
            heard = client.command(&format!("RCPT TO:<{to}>"));
        }
        let root = site.path("").display().to_string();
        let size = size.to_string();
        let arguments = [root.as_str(), "--ip", "127.0.0.1", "--helo", "client.test", "--from", from, "--to", to, "--size", &size];
        let told = std::process::Command::new(program("stafett-explain")).args(arguments).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        let last = told.lines().last().unwrap();
        assert_eq!(last, format!("<- {}", heard.text), "{told}");
    }
}
