//! What the installer remembers in an instance: the file `setup`, `key value` lines.
//!
//! It holds the options of the last run, so that a later one needs none, and for each script the
//! checksum (CRC-32) of the text that was generated last. A file whose checksum is still that one
//! was not edited and may be written anew; any other is the admin's.
//! Known limits: one who edits a script into exactly what was generated before has not edited it.

use stafett_instance::people::DEFAULT_PREFIX;
use stafett_instance::tree;
use stafett_log::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const HEAD: &str = "# What stafett-setup was told, and checksums of the scripts it wrote: stafett-setup(8).
# Change the values by its options.
";

/// Whom the programs run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Users {
    /// A user each, by this prefix.
    Separate(String),
    /// The ordinary user who owns the instance.
    Single,
}

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whom the programs run as.
    pub users: Users,
    /// Where the programs come from.
    pub bin: PathBuf,
    /// Whether they are copied into the instance.
    pub copied: bool,
    /// The port of the listeners.
    pub port: u16,
    /// The port for submission with STARTTLS.
    pub submission: Option<u16>,
    /// The port for submission under TLS from the start.
    pub submissions: Option<u16>,
    /// Their addresses.
    pub addresses: Vec<String>,
    /// The optional services that it has, by name, each once and in order.
    pub with: BTreeSet<String>,
    /// Path below the instance and checksum of what was generated last for it.
    pub written: BTreeMap<String, u32>,
}

impl Settings {
    /// What counts where nothing was said.
    pub fn new(users: Users, bin: PathBuf) -> Settings {
        let addresses = vec!["0".to_owned()];
        let (with, written) = (BTreeSet::new(), BTreeMap::new());
        Settings { users, bin, copied: false, port: 25, submission: None, submissions: None, addresses, with, written }
    }

    /// Reads the settings of the instance in `root`; `None` when there are none.
    ///
    /// # Errors
    /// When the file cannot be read, or names the line that does not parse.
    pub fn read(root: &Path) -> Result<Option<Settings>, Failure> {
        let path = root.join(tree::SETTINGS);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(Failure::temporary(format_args!("unable to read {}: {error}", path.display()))),
        };
        let parsed = Settings::parse(&text);
        let remedy = "remove the file and name all options again";
        parsed.map(Some).map_err(|(line, reason)| Failure::lasting(format_args!("{}:{line}: {reason}; {remedy}", path.display())))
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// The first line that does not parse, from 1, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Settings, (usize, &'static str)> {
        let mut settings = Settings::new(Users::Separate(DEFAULT_PREFIX.to_owned()), PathBuf::new());
        settings.addresses.clear();
        for (index, line) in text.lines().enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                let (key, value) = line.split_once(' ').ok_or((index + 1, "has no value"))?;
                settings.take(key, value).map_err(|reason| (index + 1, reason))?;
            }
        }
        Ok(settings)
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        match &self.users {
            Users::Separate(prefix) => push(&mut text, "user-prefix", prefix),
            Users::Single => push(&mut text, "users", "one"),
        }
        push(&mut text, "bin", &self.bin.to_string_lossy());
        if self.copied {
            push(&mut text, "copied", "yes");
        }
        push(&mut text, "port", &self.port.to_string());
        for (key, port) in [("submission", self.submission), ("submissions", self.submissions)] {
            port.iter().for_each(|port| push(&mut text, key, &port.to_string()));
        }
        self.addresses.iter().for_each(|address| push(&mut text, "address", address));
        self.with.iter().for_each(|name| push(&mut text, "with", name));
        for (path, checksum) in &self.written {
            push(&mut text, "wrote", &format!("{checksum:08x} {path}"));
        }
        text
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        match key {
            "user-prefix" => self.users = Users::Separate(value.to_owned()),
            "users" => self.users = Users::Single,
            "bin" => self.bin = PathBuf::from(value),
            "copied" => self.copied = value == "yes",
            "port" => self.port = port(value)?,
            "submission" => self.submission = Some(port(value)?),
            "submissions" => self.submissions = Some(port(value)?),
            "address" => self.addresses.push(value.to_owned()),
            "with" if tree::is_optional(value) => drop(self.with.insert(value.to_owned())),
            "with" => return Err("names a service that this version does not know"),
            "wrote" => {
                let (checksum, path) = value.split_once(' ').ok_or("names no file")?;
                let checksum = u32::from_str_radix(checksum, 16).map_err(|_| "is not a checksum")?;
                self.written.insert(path.to_owned(), checksum);
            }
            _ => return Err("has an unknown key"),
        }
        Ok(())
    }
}

fn port(value: &str) -> Result<u16, &'static str> {
    value.parse().map_err(|_| "is not a port")
}

fn push(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} {value}");
}
