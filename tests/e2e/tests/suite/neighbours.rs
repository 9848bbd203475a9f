//! Real neighbours: Debian's Postfix in front of us and behind us, its load generator and sink, ucspi-tcp's programs.

use crate::postfix::{Postfix, has_postfix};
use stafett_test_e2e::{Sink, Site, Supervisor, free_port, has, is_root, message, run, scratch, skip, transfer, wait_until};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

#[test]
fn postfix_sends_through_us() {
    if !has_postfix("postfix_sends_through_us") {
        return;
    }
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let postfix = Postfix::start(&format!("relayhost = [127.0.0.1]:{}", site.port()));
    let sent = message("from-postfix");
    transfer(postfix.port, "a@sender.test", "b@taken.test", &sent);
    let arrived = &sink.messages(1, 30)[0];
    assert_eq!(arrived.without_trace(), sent);
    // Postfix logs behind our 250
    assert!(wait_until(15, || postfix.log().contains("status=sent (250 ")), "{}", postfix.log());
    // What we refuse, Postfix bounces with our words.
    transfer(postfix.port, "", "b@far.test", &message("refused"));
    assert!(wait_until(15, || postfix.log().contains("status=bounced") && postfix.log().contains("rcpthosts")), "{}", postfix.log());
}

#[test]
fn postfix_receives_from_us() {
    if !has_postfix("postfix_receives_from_us") {
        return;
    }
    let mut site = Site::new();
    let postfix = Postfix::start(
        "virtual_mailbox_domains = taken.test\nvirtual_mailbox_base = /\nvirtual_mailbox_maps = inline:{b@taken.test=PLACE/mail/b/}\nvirtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\nlocal_recipient_maps =",
    );
    let main = postfix.place.path().join("etc/main.cf");
    let settings = fs::read_to_string(&main).unwrap().replace("PLACE", postfix.place.path().to_str().unwrap().trim_start_matches('/'));
    fs::write(&main, settings).unwrap();
    run(Command::new("chown").arg("nobody").arg(postfix.place.path().join("mail")));
    assert!(postfix.command("reload").status().unwrap().success());
    let home = Sink::new();
    site.control("rcpthosts", "taken.test\nhome.test\n");
    site.control("smtproutes", &format!("home.test:127.0.0.1:{}\n:127.0.0.1:{}\n", home.port(), postfix.port));
    site.start(Supervisor::Runit);
    let mut client = stafett_test_e2e::Client::greeted(site.port());
    client.deliver("a@home.test", &["b@taken.test", "unknown@taken.test"], &message("to-postfix"));
    let new = postfix.place.path().join("mail/b/new");
    let files =
        || -> Vec<PathBuf> { fs::read_dir(&new).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default() };
    assert!(wait_until(20, || !files().is_empty()), "nothing is in the mailbox:\n{}\n{}", postfix.log(), site.logs());
    let stored = fs::read_to_string(&files()[0]).unwrap();
    assert!(stored.ends_with("\nfirst line\n.a line with a dot\nlast line\n"), "{stored}");
    let bounce = &home.messages(1, 20)[0];
    assert!(String::from_utf8_lossy(&bounce.data).contains("unknown@taken.test"));
    site.drained(10);
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn many_connections_of_smtp_source_reach_smtp_sink() {
    let (Some(source), Some(sink)) = (has("smtp-source"), has("smtp-sink")) else {
        return skip("many_connections_of_smtp_source_reach_smtp_sink", "Postfix is not installed");
    };
    let port = free_port();
    let place = scratch();
    let count = |place: &std::path::Path| fs::read_dir(place).unwrap().count();
    fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut command = Command::new(sink);
    if is_root() {
        command.args(["-u", "nobody"]);
    }
    command.arg("-d").arg(place.path().join("m.")).arg(format!("127.0.0.1:{port}")).arg("100");
    let _sink = Ended(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &format!(":127.0.0.1:{port}\n"));
    site.control("concurrencyperip", "0\n");
    site.start(Supervisor::Daemontools);
    for options in [&["-s", "40"][..], &["-s", "20", "-d"]] {
        let mut load = Command::new(&source);
        load.args(options)
            .args(["-m", "300", "-l", "4096", "-f", "a@sender.test", "-t", "b@taken.test"])
            .arg(format!("127.0.0.1:{}", site.port()));
        run(&mut load);
    }
    let all = wait_until(30, || count(place.path()) == 600);
    assert!(all, "{} of 600 messages have arrived\n{}", count(place.path()), site.logs());
    site.drained(10);
    assert!(!site.log("send").contains("deferral: "), "{}", site.logs());
}

#[test]
fn the_listener_reads_djbs_rules_and_djbs_tcpserver_runs_our_smtpd() {
    let (Some(tcprules), Some(tcpserver)) = (has("tcprules"), has("tcpserver")) else {
        return skip("the_listener_reads_djbs_rules_and_djbs_tcpserver_runs_our_smtpd", "ucspi-tcp is not installed");
    };
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let listing = site.path("control/djb");
    fs::write(&listing, "127.0.0.1:allow,RELAYCLIENT=\"\"\n:deny\n").unwrap();
    let compiled = Command::new(tcprules)
        .arg(site.path("control/tcp.smtp.cdb"))
        .arg(site.path("control/djb.tmp"))
        .stdin(fs::File::open(&listing).unwrap())
        .status()
        .unwrap();
    assert!(compiled.success());
    transfer(site.port(), "a@sender.test", "b@anywhere.test", &message("djb-rules"));
    sink.messages(1, 10);
    let port = free_port();
    let mut command = Command::new(tcpserver);
    command.args(["-H", "-R", "-l", "relay.test", "-x"]).arg(site.path("control/tcp.smtp.cdb")).args(["127.0.0.1", &port.to_string()]);
    command
        .arg(stafett_test_e2e::program("stafett-smtpd"))
        .env("STAFETT", site.root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _listener = Ended(command.spawn().unwrap());
    assert!(wait_until(10, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()));
    transfer(port, "a@sender.test", "b@anywhere.test", &message("djb-listener"));
    sink.messages(2, 10);
}
