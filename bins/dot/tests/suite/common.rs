//! Runs a program as stafett-local would, with a program that stands in the place of the queue.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_stafett-dot");
pub const MESSAGE: &str = "Subject: x\n\nbody\n";

/// A directory with a message and a queue's program that keeps what it is given.
pub struct Place(TempDir);

/// How a program ended, and what the queue got.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub message: String,
    pub envelope: String,
}

impl Place {
    pub fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("control")).unwrap();
        place.write("control/me", "here.test\n");
        place.write("letter", MESSAGE);
        place.queue("exec 3<&1; cat >message; tr '\\0' '|' <&3 >envelope; printf K1763758000123456 >&6");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Another process writes it: a fork of this one while it is open for writing would keep it from being executed.
    pub fn queue(&self, script: &str) {
        let mut install = Command::new("install");
        install.args(["-m", "755", "/dev/stdin"]).arg(self.path("queue")).stdin(Stdio::piped());
        let mut child = install.spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "#!/bin/sh\ncd {}\n{script}", self.0.path().display()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(self.0.path());
        command.env("STAFETT", self.0.path()).env("QMAILQUEUE", self.path("queue"));
        let variables = [
            ("SENDER", "s@far.test"),
            ("NEWSENDER", "list-owner@here.test"),
            ("RECIPIENT", "joe@here.test"),
            ("DTLINE", "Delivered-To: joe@here.test\n"),
            ("RPLINE", "Return-Path: <s@far.test>\n"),
            ("UFLINE", "From s@far.test Thu Jan  1 00:00:00 1970\n"),
        ];
        command.envs(variables).stdin(File::open(self.path("letter")).unwrap());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.end(&mut self.command(arguments))
    }

    /// Without one of the variables.
    pub fn run_without(&self, variable: &str, arguments: &[&str]) -> Ended {
        self.end(self.command(arguments).env_remove(variable))
    }

    pub fn run_with(&self, variable: &str, value: impl AsRef<OsStr>, arguments: &[&str]) -> Ended {
        self.end(self.command(arguments).env(variable, value))
    }

    pub fn end(&self, command: &mut Command) -> Ended {
        for name in ["message", "envelope"] {
            let _ = fs::remove_file(self.path(name));
        }
        let output = command.output().unwrap();
        let read = |name| fs::read_to_string(self.path(name)).unwrap_or_default();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            message: read("message"),
            envelope: read("envelope"),
        }
    }
}

impl Ended {
    #[track_caller]
    pub fn must(self, code: i32, words: &str) -> Ended {
        assert!(self.code == code && self.stderr.contains(words), "{code} {words}: {self:?}");
        self
    }
}

pub fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
