//! Real receivers, each with a configuration and a place of its own: Exim, OpenSMTPD, Dovecot's LMTP, Postfix's smtp-sink.
//!
//! Exim and OpenSMTPD cannot be installed beside Postfix; tests/run lays their packages out in a directory, and they run
//! in a mount namespace whose /etc knows their users.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stafett_sys::process::{Pid, kill};
use stafett_sys::signal::Signal;
use stafett_sys::user::Uid;

/// A running receiver.
pub struct Receiver {
    process: Child,
    place: tempfile::TempDir,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = kill(Pid(i32::try_from(self.process.id()).unwrap()), Signal::Terminate);
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- the receiver:\n{}", fs::read_to_string(self.path("log")).unwrap_or_default());
        }
    }
}

impl Receiver {
    /// A file of its place.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn start(place: tempfile::TempDir, port: u16, command: &mut Command) -> Receiver {
        let log = fs::File::create(place.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let receiver = Receiver { process: command.spawn().unwrap(), place, port };
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(15), "the receiver does not listen");
            sleep(Duration::from_millis(20));
        }
        receiver
    }
}

/// Why a test is left out, for tests/run to print.
pub fn skip(test: &str, reason: &str) {
    eprintln!("{test}: left out: {reason}");
    if let Some(file) = std::env::var_os("STAFETT_TEST_SKIPS")
        && let Ok(mut file) = fs::OpenOptions::new().append(true).open(file)
    {
        let _ = std::io::Write::write_all(&mut file, format!("{test}: {reason}\n").as_bytes());
    }
}

/// A program of Debian, if it is installed.
pub fn installed(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin"].map(|directory| Path::new(directory).join(name)).into_iter().find(|path| path.is_file())
}

/// Dovecot with LMTP over TCP and at the socket `lmtp` of its place. alice and bob have mailboxes, bob's cannot be
/// written.
pub fn dovecot() -> Option<Receiver> {
    let program = installed("dovecot").filter(|_| Uid::effective().is_root() && Path::new("/usr/lib/dovecot/lmtp").exists())?;
    let (place, port) = (place(), free_port());
    let directory = place.path().display();
    for name in ["mail", "mail/alice"] {
        fs::create_dir(place.path().join(name)).unwrap();
        chown(place.path().join(name), Some(65_534), Some(65_534)).unwrap();
    }
    fs::write(place.path().join("mail/bob"), "no directory").unwrap();
    let user = |name: &str| format!("{name}:{{PLAIN}}x:65534:65534::{directory}/mail/{name}::\n");
    fs::write(place.path().join("users"), user("alice") + &user("bob")).unwrap();
    let configuration = format!(
        "base_dir = {directory}/run\nstate_dir = {directory}/state\nlog_path = {directory}/log\nprotocols = lmtp\nssl = no\n\
         default_internal_user = nobody\ndefault_internal_group = nogroup\ndefault_login_user = nobody\nfirst_valid_uid = 1\n\
         mail_location = maildir:{directory}/mail/%n\nauth_username_format = %n\nprotocol lmtp {{\n postmaster_address = postmaster@dovecot.test\n}}\n\
         userdb {{\n driver = passwd-file\n args = {directory}/users\n}}\npassdb {{\n driver = passwd-file\n args = {directory}/users\n}}\n\
         service lmtp {{\n unix_listener {directory}/lmtp {{\n  mode = 0666\n }}\n inet_listener lmtp {{\n  address = 127.0.0.1\n  port = {port}\n }}\n}}\n\
         service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n"
    );
    fs::write(place.path().join("conf"), configuration).unwrap();
    let mut command = Command::new(program);
    command.arg("-F").arg("-c").arg(place.path().join("conf"));
    Some(Receiver::start(place, port, &mut command))
}

/// Dovecot as a submission server with these mechanisms of AUTH; what it takes goes on to the port `onward`. The user is
/// alice with the password `correct horse`. With a directory of certificates nothing goes without TLS, which comes by
/// STARTTLS or `at_once`.
pub fn dovecot_submission(mechanisms: &str, onward: u16, certificates: Option<&Path>, at_once: bool) -> Option<Receiver> {
    let program = installed("dovecot").filter(|_| Uid::effective().is_root() && Path::new("/usr/lib/dovecot/submission-login").exists())?;
    let (place, port) = (place(), free_port());
    let directory = place.path().display();
    fs::create_dir(place.path().join("mail")).unwrap();
    chown(place.path().join("mail"), Some(65_534), Some(65_534)).unwrap();
    fs::write(place.path().join("users"), format!("alice:{{PLAIN}}correct horse:65534:65534::{directory}/mail::\n")).unwrap();
    let ssl = certificates.map_or("ssl = no".to_owned(), |certificates| {
        let certificates = certificates.display();
        format!("ssl = required\nssl_cert = <{certificates}/good.pem\nssl_key = <{certificates}/good.key")
    });
    let (listener, wraps) = if at_once { ("submissions", "yes") } else { ("submission", "no") };
    let configuration = format!(
        "base_dir = {directory}/run\nstate_dir = {directory}/state\nlog_path = {directory}/log\nprotocols = submission\n{ssl}\n\
         default_internal_user = nobody\ndefault_internal_group = nogroup\ndefault_login_user = nobody\nfirst_valid_uid = 1\n\
         mail_location = maildir:{directory}/mail\nhostname = dovecot.test\ndisable_plaintext_auth = no\nauth_mechanisms = {mechanisms}\n\
         auth_failure_delay = 0\nsubmission_relay_host = 127.0.0.1\nsubmission_relay_port = {onward}\n\
         userdb {{\n driver = passwd-file\n args = {directory}/users\n}}\npassdb {{\n driver = passwd-file\n args = {directory}/users\n}}\n\
         service submission-login {{\n chroot =\n inet_listener {listener} {{\n  address = 127.0.0.1\n  port = {port}\n  ssl = {wraps}\n }}\n}}\n\
         service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n"
    );
    fs::write(place.path().join("conf"), configuration).unwrap();
    let mut command = Command::new(program);
    command.arg("-F").arg("-c").arg(place.path().join("conf"));
    Some(Receiver::start(place, port, &mut command))
}

/// Exim: `unknown` is refused, `grey` is put off, a message with `refuse-me` in its header is refused after the dot.
pub fn exim() -> Option<Receiver> {
    let program = laid_out("exim4")?;
    let (place, port) = (place(), free_port());
    let directory = place.path().display();
    for name in ["spool", "mail"] {
        fs::create_dir(place.path().join(name)).unwrap();
        chown(place.path().join(name), Some(64_991), Some(64_991)).unwrap();
    }
    let configuration = format!(
        "primary_hostname = exim.test\nspool_directory = {directory}/spool\nlog_file_path = {directory}/spool/%slog\npid_file_path = {directory}/spool/pid\n\
         domainlist local_domains = taken.test\nacl_smtp_rcpt = rcpt\nacl_smtp_data = data\nhost_lookup =\nrfc1413_query_timeout = 0s\n\
         keep_environment =\ndsn_advertise_hosts = *\ntls_advertise_hosts =\nbegin acl\n\
         rcpt:\n deny message = no such user here\n  local_parts = unknown\n defer message = greylisted, come again\n  local_parts = grey\n accept domains = +local_domains\n\
         data:\n deny message = we do not like that content\n  condition = ${{if match{{$message_headers}}{{refuse-me}}}}\n accept\n\
         begin routers\nall:\n driver = accept\n transport = file\nbegin transports\nfile:\n driver = appendfile\n file = {directory}/mail/$local_part\n user = nobody\n"
    );
    fs::write(place.path().join("conf"), configuration).unwrap();
    let arguments = ["-C", &format!("{directory}/conf"), "-bdf", "-oX", &format!("127.0.0.1.{port}")].map(str::to_owned);
    let mut command = in_namespace(place.path(), &program, &arguments);
    Some(Receiver::start(place, port, &mut command))
}

/// OpenSMTPD: takes mail for taken.test.
pub fn opensmtpd() -> Option<Receiver> {
    let program = laid_out("smtpd")?;
    let (place, port) = (place(), free_port());
    let configuration = format!(
        "listen on 127.0.0.1 port {port} hostname opensmtpd.test\naction deliver maildir \"/run/mail\" user nobody\n\
         match from any for domain \"taken.test\" action deliver\n"
    );
    fs::write(place.path().join("conf"), configuration).unwrap();
    let arguments = ["-d", "-f", place.path().join("conf").to_str().unwrap()].map(str::to_owned);
    let mut command = in_namespace(place.path(), &program, &arguments);
    Some(Receiver::start(place, port, &mut command))
}

/// Postfix's smtp-sink with these options.
pub fn smtp_sink(options: &[&str]) -> Option<Receiver> {
    let program = installed("smtp-sink")?;
    let (place, port) = (place(), free_port());
    let mut command = Command::new(program);
    if Uid::effective().is_root() {
        command.args(["-u", "nobody"]);
    }
    command.args(options).arg(format!("127.0.0.1:{port}")).arg("100");
    Some(Receiver::start(place, port, &mut command))
}

/// A program of a package that tests/run has laid out.
fn laid_out(name: &str) -> Option<PathBuf> {
    let root = PathBuf::from(std::env::var_os("STAFETT_TEST_PEERS")?);
    Some(root.join("usr/sbin").join(name)).filter(|path| path.is_file() && Uid::effective().is_root())
}

/// The program with an /etc that knows its users and with empty /var/spool, /var/lib and /run.
fn in_namespace(place: &Path, program: &Path, arguments: &[String]) -> Command {
    const SCRIPT: &str = "set -e; cd \"$1\"; mkdir etc
        for file in nsswitch.conf resolv.conf hosts ld.so.cache services protocols localtime; do cp -L /etc/$file etc/ 2>/dev/null || :; done
        (cat /etc/passwd; echo Debian-exim:x:64991:64991::/nonexistent:/bin/false; echo opensmtpd:x:64992:64992::/var/lib/opensmtpd/empty:/bin/false; \
          echo opensmtpq:x:64993:64993::/nonexistent:/bin/false) >etc/passwd
        (cat /etc/group; echo Debian-exim:x:64991:; echo opensmtpd:x:64992:; echo opensmtpq:x:64993:) >etc/group
        mount --bind etc /etc
        for directory in /var/spool /var/lib /run; do mount -t tmpfs none $directory; done
        mkdir -p /var/lib/opensmtpd/empty /run/mail /var/spool/smtpd; chmod 711 /var/spool/smtpd; chown nobody /run/mail
        for name in incoming purge temporary corrupt queue; do mkdir -m 700 /var/spool/smtpd/$name; chown 64993 /var/spool/smtpd/$name; done
        mkdir -m 770 /var/spool/smtpd/offline; chgrp 64993 /var/spool/smtpd/offline
        shift; exec \"$@\"";
    let libraries = program.ancestors().nth(3).unwrap().join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(place).arg(program).args(arguments).env("LD_LIBRARY_PATH", libraries);
    command
}

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    place
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
