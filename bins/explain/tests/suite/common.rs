//! An instance in a temporary directory, and calls of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An instance, as much as the program looks at.
pub struct Ground(tempfile::TempDir);

/// How a call ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ground {
    pub fn new(files: &[(&str, &str)]) -> Ground {
        let ground = Ground(tempfile::tempdir().unwrap());
        fs::create_dir(ground.path("control")).unwrap();
        ground.write("control/me", "relay.test\n");
        files.iter().for_each(|(name, content)| ground.write(&format!("control/{name}"), content));
        ground
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    /// Compiles the rules of a control directory.
    pub fn compile_rules(&self, control: &str) {
        let rules = stafett_ucspi::parse(&fs::read(self.path(control).join("tcp.smtp")).unwrap()).unwrap();
        let compiled = self.path(control).join("tcp.smtp.cdb");
        stafett_ucspi::write(&rules, &compiled, &self.path("temporary")).unwrap();
    }

    pub fn explain(&self, arguments: &[&str]) -> Ended {
        run(self.0.path(), arguments)
    }
}

fn run(directory: &Path, arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_stafett-explain")).arg(directory).args(arguments).output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
