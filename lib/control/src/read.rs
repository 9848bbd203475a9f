//! Reading control files by their rows.

use crate::error::Error;
use crate::form::{Form, Setting, host};
use std::io::Read;
use std::path::{Path, PathBuf};

/// A control file's size at most, in bytes; larger tables belong in a cdb.
pub const LARGEST: u64 = 8 * 1024 * 1024;

/// The control directory of an instance.
#[derive(Clone, Debug)]
pub struct Control {
    directory: PathBuf,
}

/// One counted line of a file and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<T> {
    /// The line in the file, from 1.
    pub line: usize,
    /// What it says.
    pub value: T,
}

/// Key and value of a map's line.
pub type Pair = (String, String);

impl Control {
    /// The control files in `directory`. Nothing is read yet.
    pub fn new(directory: impl Into<PathBuf>) -> Control {
        Control { directory: directory.into() }
    }

    /// Where the file of that row lies.
    pub fn path(&self, row: &Setting) -> PathBuf {
        self.directory.join(row.name)
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The first line, trailing blank space stripped; `None` when the file is absent or the line
    /// is empty (as in qmail, qmail-control(5)).
    ///
    /// # Errors
    /// When the file cannot be read, is no UTF-8 text, or does not fit its form.
    pub fn line(&self, row: &Setting) -> Result<Option<String>, Error> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        let line = text.lines().next().unwrap_or("").trim_end();
        if line.is_empty() {
            return Ok(None);
        }
        fits(row, line).map_err(|reason| Error::new(row.name, 1, reason))?;
        Ok(Some(line.to_owned()))
    }

    /// As [`Control::line`] for a file that must be there.
    ///
    /// # Errors
    /// Also when it is absent or empty.
    pub fn required(&self, row: &Setting) -> Result<String, Error> {
        let missing = || Error::new(row.name, 0, format!("the file is missing or empty; {}", row.text));
        self.line(row)?.ok_or_else(missing)
    }

    /// The number on the first line; `None` when the file is absent.
    ///
    /// # Errors
    /// When the line is empty, no number, or out of bounds.
    pub fn integer(&self, row: &Setting) -> Result<Option<u64>, Error> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        let line = text.lines().next().unwrap_or("").trim_end();
        fits(row, line).map_err(|reason| Error::new(row.name, 1, reason))?;
        Ok(line.parse().ok())
    }

    /// All counted lines; `None` when the file is absent.
    ///
    /// # Errors
    /// When a line does not fit its form.
    pub fn list(&self, row: &Setting) -> Result<Option<Vec<Item<String>>>, Error> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        let mut items = Vec::new();
        for (line, value) in counted(&text) {
            fits(row, value).map_err(|reason| Error::new(row.name, line, reason))?;
            items.push(Item { line, value: value.to_owned() });
        }
        Ok(Some(items))
    }

    /// All `key:value` lines in order, the key in lower case; `None` when the file is absent. The
    /// caller lets the last of equal keys win.
    ///
    /// # Errors
    /// When a line has no colon or does not fit its form.
    pub fn map(&self, row: &Setting) -> Result<Option<Vec<Item<Pair>>>, Error> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        let mut items = Vec::new();
        for (line, value) in counted(&text) {
            fits(row, value).map_err(|reason| Error::new(row.name, line, reason))?;
            if let Some((key, value)) = value.split_once(':') {
                items.push(Item { line, value: (key.to_lowercase(), value.to_owned()) });
            }
        }
        Ok(Some(items))
    }

    /// Judges the file of that row without using it, for the checker.
    ///
    /// # Errors
    /// As the reader of its form gives them.
    pub fn check(&self, row: &Setting) -> Result<(), Error> {
        match row.form {
            Form::Line | Form::Host => self.line(row).map(drop),
            Form::Integer { .. } => self.integer(row).map(drop),
            Form::List(_) => self.list(row).map(drop),
            Form::Map(_) => self.map(row).map(drop),
            Form::Directory(_) => self.directory_of(row).map(drop),
            Form::Compiled(_) => self.compiled(row).map(drop),
        }
    }

    /// All that is wrong with the file of that row, where [`Control::check`] gives the first.
    pub fn faults(&self, row: &Setting) -> Vec<Error> {
        if !matches!(row.form, Form::List(_) | Form::Map(_)) {
            return self.check(row).err().into_iter().collect();
        }
        let text = match self.text(row) {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => return vec![error],
        };
        let wrong = |(line, value)| fits(row, value).err().map(|reason| Error::new(row.name, line, reason));
        counted(&text).filter_map(wrong).collect()
    }

    /// Where the directory of that row is; `None` when it is absent.
    ///
    /// # Errors
    /// When something else has its name.
    pub fn directory_of(&self, row: &Setting) -> Result<Option<PathBuf>, Error> {
        let path = self.path(row);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(row, &error)),
            Ok(found) if !found.is_dir() => Err(Error::new(row.name, 0, "is not a directory")),
            Ok(_) => Ok(Some(path)),
        }
    }

    /// Where a compiled table lies; `None` when it is absent.
    ///
    /// # Errors
    /// When it cannot be read or is no cdb file.
    pub fn compiled(&self, row: &Setting) -> Result<Option<PathBuf>, Error> {
        let path = self.path(row);
        let Form::Compiled(maker) = row.form else { return Ok(None) };
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(row, &error)),
            Ok(found) if !found.is_file() => return Err(Error::new(row.name, 0, "is not a file")),
            Ok(_) => {}
        }
        match crate::compiled::open(&path) {
            Ok(_) => Ok(Some(path)),
            Err(error) => Err(Error::new(row.name, 0, format!("unable to use it as a cdb: {error}; make it again with {maker}"))),
        }
    }

    fn text(&self, row: &Setting) -> Result<Option<String>, Error> {
        let mut file = match std::fs::File::open(self.path(row)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(row, &error)),
        };
        let mut bytes = Vec::new();
        let limited = Read::by_ref(&mut file).take(LARGEST + 1).read_to_end(&mut bytes);
        limited.map_err(|error| unreadable(row, &error))?;
        if bytes.len() as u64 > LARGEST {
            return Err(Error::new(row.name, 0, format!("is larger than {LARGEST} bytes; use the compiled form")));
        }
        String::from_utf8(bytes).map(Some).map_err(|error| not_text(row, &error))
    }
}

fn unreadable(row: &Setting, error: &std::io::Error) -> Error {
    let reason = match error.kind() {
        std::io::ErrorKind::IsADirectory => "is a directory; a file is needed".to_owned(),
        _ => format!("unable to read it: {error}"),
    };
    Error::new(row.name, 0, reason)
}

fn not_text(row: &Setting, error: &std::string::FromUtf8Error) -> Error {
    let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
    Error::new(row.name, line, "holds bytes that are no UTF-8 text")
}

fn counted(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn fits(row: &Setting, line: &str) -> Result<(), String> {
    if line.contains(|c: char| c.is_control() && c != '\t') {
        return Err("holds a control character".to_owned());
    }
    match row.form {
        Form::Line | Form::Compiled(_) | Form::Directory(_) => Ok(()),
        Form::Host => host(line),
        Form::Integer { least, most, unit } => integer_fits(line, least, most, unit),
        Form::List(judge) => judge(line),
        Form::Map(judge) => {
            let (key, value) = line.split_once(':').ok_or_else(|| format!("\"{line}\" has no colon; write key:value"))?;
            judge(key, value)
        }
    }
}

fn integer_fits(line: &str, least: u64, most: u64, unit: &str) -> Result<(), String> {
    let digits = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    match line.parse::<u64>() {
        Ok(value) if digits && (least..=most).contains(&value) => Ok(()),
        _ => Err(format!("\"{line}\" is not a number of {unit} from {least} to {most}; write digits only")),
    }
}
