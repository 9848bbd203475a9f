//! Debian's Postfix as a neighbour.

use stafett_test_e2e::{free_port, has, is_root, run, scratch, skip, wait_until};
use std::fs;
use std::process::{Command, Stdio};

/// A Postfix with configuration, queue and data of its own on one loopback port.
pub struct Postfix {
    pub place: tempfile::TempDir,
    pub port: u16,
}

impl Postfix {
    pub fn start(settings: &str) -> Postfix {
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

    pub fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(has("postfix").unwrap());
        command.arg("-c").arg(self.place.path().join("etc")).arg(verb).stdin(Stdio::null());
        command
    }

    pub fn log(&self) -> String {
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

/// Whether it can run; a test that needs it is left out otherwise.
pub fn has_postfix(test: &str) -> bool {
    if !is_root() || has("postfix").is_none() {
        skip(test, "needs root and Postfix");
        return false;
    }
    true
}
