//! An instance with send alone, and what can be seen of it: its log and the queue.

use stafett_envelope::{Envelope, Recipient};
use stafett_queue_store::{Entry, Id, Place, Store};
use stafett_sys::process::{self, Pid};
use stafett_sys::signal::Signal;
use stafett_sys::socket::{self, Style};
use stafett_sys::user::Uid;
use stafett_wire::arrival::Arrival;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Whom send runs as when the tests run as root, which it refuses to be.
const NOBODY: u32 = 65534;

/// Longer than any wait that a test provokes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

pub const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

pub struct Site {
    directory: tempfile::TempDir,
    child: Option<Child>,
    caller: Option<OwnedFd>,
    /// Variables for the program alone.
    variables: String,
}

impl Site {
    /// An instance that is not started.
    pub fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let site = Site { directory, child: None, caller: None, variables: String::new() };
        for name in [
            "control",
            "queue",
            "queue/tmp",
            "queue/new",
            "queue/cur",
            "queue/hold",
            "queue/bad",
            "run",
            "run/queue",
            "run/send",
            "run/remote",
        ] {
            fs::create_dir(site.path(name)).unwrap();
            site.give(name);
        }
        fs::copy(env!("CARGO_BIN_EXE_stafett-send"), site.path("stafett-send")).unwrap();
        site.control("me", "relay.example");
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Makes a path belong to send's user, where the tests run as root.
    pub fn give(&self, name: &str) {
        if Uid::effective().is_root() {
            chown(self.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    /// Writes a control file, in one step as an editor does: one that is found empty is a file too.
    pub fn control(&self, name: &str, text: &str) {
        fs::write(self.path("control/.new"), format!("{text}\n")).unwrap();
        fs::rename(self.path("control/.new"), self.path("control").join(name)).unwrap();
    }

    /// The program, run as `sh -c` would after `before` (limits, for one).
    pub fn command(&self, before: &str) -> Command {
        let drop =
            if Uid::effective().is_root() { format!("setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups ") } else { String::new() };
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{before} exec {drop}{}{}", self.variables, self.path("stafett-send").display()));
        command.env("STAFETT", self.directory.path()).stdin(Stdio::null());
        command.stderr(fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap());
        command
    }

    pub fn start(&mut self) {
        self.start_after("");
    }

    /// Starts it with a clock that [`Site::set_clock`] sets.
    pub fn start_with_clock(&mut self, library: &std::path::Path) {
        self.set_clock(0);
        let clock = self.path("control/.clock");
        let how = "FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1";
        self.variables = format!("env FAKETIME_TIMESTAMP_FILE={} {how} LD_PRELOAD={} ", clock.display(), library.display());
        self.start();
    }

    /// Sets that clock to so many seconds off. It lies in control/, so that it is looked at on the spot.
    pub fn set_clock(&self, offset: i64) {
        fs::write(self.path("control/.new"), format!("{offset:+}\n")).unwrap();
        fs::rename(self.path("control/.new"), self.path("control/.clock")).unwrap();
    }

    pub fn start_after(&mut self, before: &str) {
        let ready = self.count("status: queue read");
        let mut child = self.command(before).spawn().unwrap();
        self.wait_for("send is ready", |site| {
            // The copy of the program may still be open for writing in a process that another test is just starting.
            if child.try_wait().unwrap().is_some_and(|status| status.code() == Some(126)) {
                child = site.command(before).spawn().unwrap();
            }
            site.count("status: queue read") > ready
        });
        self.child = Some(child);
        self.caller = None;
    }

    pub fn pid(&self) -> Pid {
        Pid(i32::try_from(self.child.as_ref().unwrap().id()).unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        process::kill(self.pid(), signal).unwrap();
    }

    /// Whether the process runs no more.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Waits for the end of the process.
    pub fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let mut status = None;
        self.wait_for("send has ended", |_| {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub fn stop(&mut self) {
        self.signal(Signal::Terminate);
        assert!(self.ended().success(), "{}", self.log());
    }

    pub fn kill(&mut self) {
        self.signal(Signal::Kill);
        self.ended();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn count(&self, words: &str) -> usize {
        self.log().matches(words).count()
    }

    pub fn wait_for_log(&self, words: &str) {
        self.wait_for(words, |site| site.count(words) > 0);
    }

    pub fn wait_for(&self, what: &str, mut done: impl FnMut(&Site) -> bool) {
        let begin = Instant::now();
        while !done(self) {
            assert!(begin.elapsed() < PATIENCE, "waited in vain: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn store(&self) -> Store {
        Store::open(&self.path("queue")).unwrap()
    }

    /// Puts a message of that id into queue/new, as queued would.
    pub fn put(&self, id: Id, envelope: &Envelope) -> u64 {
        let store = self.store();
        let mut draft = store.draft(id).unwrap();
        draft.write(MESSAGE).unwrap();
        // Before it lies in queue/new: a running send may find it there at once.
        self.give(&format!("queue/tmp/{id}"));
        draft.commit(envelope, false).unwrap().size
    }

    /// Puts a message of this moment into the queue and tells of it. Returns its id.
    pub fn arrive(&mut self, envelope: &Envelope) -> Id {
        let id = now_id(Duration::ZERO);
        let size = self.put(id, envelope);
        let mut text = Vec::new();
        envelope.write(&mut text);
        self.tell(&Arrival::Message { id: id.0, size, envelope: &text });
        id
    }

    pub fn tell(&mut self, arrival: &Arrival<'_>) {
        let path = self.path("run/send/socket");
        let caller = self.caller.get_or_insert_with(|| socket::connect(&path, Style::Packets).unwrap());
        socket::send_packet(caller, &arrival.encode(), None).unwrap();
    }

    pub fn hang_up(&mut self) {
        self.caller = None;
    }

    /// Where a message lies now and when it is due; `None` when it is gone.
    pub fn find(&self, id: Id) -> Option<(Place, u64)> {
        let found = self.store().find(id, MESSAGE.len() as u64).unwrap()?;
        Some((found.place, found.due))
    }

    pub fn wait_for_end(&self, id: Id) {
        self.wait_for("the message is done", |site| site.find(id).is_none());
    }

    /// Waits until it waits; when it is due.
    pub fn wait_for_rest(&self, id: Id) -> u64 {
        self.wait_for("the message waits", |site| matches!(site.find(id), Some((Place::Waiting, _))));
        self.find(id).unwrap().1
    }

    pub fn entry(&self, id: Id) -> Entry {
        let place = self.find(id).unwrap().0;
        self.store().read(id, MESSAGE.len() as u64, place).unwrap().unwrap()
    }

    /// CPU time that the process has used, in clock ticks (proc(5), utime and stime).
    pub fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let after = stat.rsplit_once(')').unwrap().1;
        after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// The signals that the process has not taken yet, a bit for each (proc(5), ShdPnd).
    pub fn pending_signals(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
        u64::from_str_radix(pending.trim(), 16).unwrap()
    }

    pub fn is_file(&self, name: &str) -> bool {
        fs::metadata(self.path(name)).is_ok_and(|found| found.mode() & 0o170_000 == 0o100_000)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An id born so long ago. Two calls never give the same.
pub fn now_id(ago: Duration) -> Id {
    std::thread::sleep(Duration::from_micros(2));
    Id(u64::try_from((SystemTime::now() - ago).duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap())
}

pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn envelope(recipients: &[&str]) -> Envelope {
    let recipients = recipients.iter().map(|address| Recipient::new(*address)).collect();
    Envelope { sender: "s@example.org".into(), recipients, ..Envelope::default() }
}
