//! A Redis server of our own, on a Unix socket in a temporary directory.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Redis {
    directory: tempfile::TempDir,
    program: PathBuf,
    child: Option<Child>,
}

impl Redis {
    /// Started, where the package is installed; the reason is noted where it is not.
    pub fn start(test: &str) -> Option<Redis> {
        let places = ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/usr/bin/valkey-server"];
        let Some(program) = places.iter().map(Path::new).find(|path| path.exists()) else {
            skip(test);
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut redis = Redis { directory, program: program.to_path_buf(), child: None };
        redis.again();
        Some(redis)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Starts it again, with what it had kept.
    pub fn again(&mut self) {
        let socket = self.socket();
        let mut command = Command::new(&self.program);
        // What it has answered outlives its own end. With everysec it puts off writing while a sync is under way.
        command.args(["--port", "0", "--daemonize", "no", "--appendonly", "yes", "--appendfsync", "no", "--unixsocketperm", "777"]);
        command.arg("--unixsocket").arg(&socket).arg("--dir").arg(self.directory.path());
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(30);
        while UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < deadline, "the store does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it without ending it: it accepts and never answers.
    pub fn freeze(&self, frozen: bool) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let signal = if frozen { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn skip(test: &str) {
    eprintln!("{test}: left out: redis-server is not installed");
    if let Some(file) = std::env::var_os("STAFETT_TEST_SKIPS")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).open(file)
    {
        let _ = std::io::Write::write_all(&mut file, format!("{test}: redis-server is not installed\n").as_bytes());
    }
}
