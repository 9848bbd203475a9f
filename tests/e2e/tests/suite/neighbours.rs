//! Real neighbours: Debian's Postfix in front of us and behind us, its load generator and sink, ucspi-tcp's programs.

use stafett_test_e2e::{Sink, Site, Supervisor, free_port, has, is_root, message, run, scratch, skip, transfer, wait_until};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A Postfix with configuration, queue and data of its own on one loopback port.
struct Postfix {
    place: tempfile::TempDir,
    port: u16,
}

impl Postfix {
    fn start(settings: &str) -> Postfix {
        let place = scratch();
        let port = free_port();
        let directory = place.path().display().to_string();
        for name in ["etc", "spool", "data", "mail"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        run(Command::new("chown").arg("postfix").arg(place.path().join("data")).arg(place.path().join("mail")));
        fs::write(
            place.path().join("etc/main.cf"),
            format!(
                "compatibility_level = 3.6\nqueue_directory = {directory}/spool\ndata_directory = {directory}/data\nmyhostname = postfix.test\n\
                 mydestination =\nmynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmaillog_file = {directory}/log\n\
                 maillog_file_prefixes = {directory}\nalias_maps =\nalias_database =\nsmtp_host_lookup = native\ndisable_dns_lookups = yes\n\
                 smtputf8_enable = no\nlocal_header_rewrite_clients =\nmeta_directory = /etc/postfix\nshlib_directory = /usr/lib/postfix\n{settings}\n"
            ),
        )
        .unwrap();
        let service = |name: &str, kind: &str, program: &str| format!("{name} {kind} - - n - - {program}\n");
        let master: String = [
            service(&format!("127.0.0.1:{port}"), "inet n", "smtpd").replacen("n - - n", "n - n", 1),
            "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\ntlsmgr unix - - n 1000? 1 tlsmgr\n".to_owned(),
            "rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n".to_owned(),
            "verify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\nproxymap unix - - n - - proxymap\nproxywrite unix - - n - 1 proxymap\n".to_owned(),
            "smtp unix - - n - - smtp\nrelay unix - - n - - smtp\nshowq unix n - n - - showq\nerror unix - - n - - error\nretry unix - - n - - error\n".to_owned(),
            "discard unix - - n - - discard\nlocal unix - n n - - local\nvirtual unix - n n - - virtual\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n".to_owned(),
            "postlog unix-dgram n - n - 1 postlogd\n".to_owned(),
        ]
        .concat();
        fs::write(place.path().join("etc/master.cf"), master).unwrap();
        let postfix = Postfix { place, port };
        let started = postfix.command("start").output().unwrap();
        let log = || fs::read_to_string(postfix.place.path().join("log")).unwrap_or_default();
        assert!(started.status.success(), "{}{}", String::from_utf8_lossy(&started.stderr), log());
        let listens = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        assert!(wait_until(15, listens), "Postfix does not listen:\n{}", log());
        postfix
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(has("postfix").unwrap());
        command.arg("-c").arg(self.place.path().join("etc")).arg(verb).stdin(Stdio::null());
        command
    }

    fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = self.command("abort").output();
        if std::thread::panicking() {
            eprintln!("--- postfix\n{}", self.log());
        }
    }
}

fn has_postfix(test: &str) -> bool {
    if !is_root() || has("postfix").is_none() {
        skip(test, "needs root and Postfix");
        return false;
    }
    true
}

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
    assert!(postfix.log().contains("status=sent (250 "), "{}", postfix.log());
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
