//! What a judge of an instance has to say.

use stafett_control::Excerpt;
use std::fmt;
use std::io;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// For information; it does not count.
    Note,
    /// What the admin probably did not mean, or what could not be judged.
    Warning,
    /// What keeps the instance from working or from being safe.
    Error,
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Weight::Note => "note",
            Weight::Warning => "warning",
            Weight::Error => "error",
        })
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// Where: a path below the instance such as `control/me`, or a path of the system.
    pub place: String,
    /// The line there, from 1; 0 when the whole is meant.
    pub line: usize,
    /// What was found; no line end in it.
    pub text: String,
    /// The line and the part of it that is meant.
    pub excerpt: Option<Excerpt>,
    /// What to do.
    pub remedy: Option<String>,
}

impl Finding {
    /// Something that must be put right.
    pub fn error(place: impl fmt::Display, text: impl fmt::Display) -> Finding {
        Finding::new(Weight::Error, place, text)
    }

    /// Something that probably should be put right.
    pub fn warning(place: impl fmt::Display, text: impl fmt::Display) -> Finding {
        Finding::new(Weight::Warning, place, text)
    }

    /// Something to know.
    pub fn note(place: impl fmt::Display, text: impl fmt::Display) -> Finding {
        Finding::new(Weight::Note, place, text)
    }

    /// Something that could not be judged: a warning when it is a matter of rights.
    pub fn unseen(place: impl fmt::Display, error: &io::Error) -> Finding {
        let text = format!("unable to look at it: {error}");
        match error.kind() {
            io::ErrorKind::PermissionDenied => Finding::warning(place, text).remedy("run this as root or as the owner of the instance"),
            _ => Finding::error(place, text),
        }
    }

    /// Names the line, from 1.
    #[must_use]
    pub fn at(mut self, line: usize) -> Finding {
        self.line = line;
        self
    }

    /// Shows the line.
    #[must_use]
    pub fn showing(mut self, excerpt: Option<Excerpt>) -> Finding {
        self.excerpt = excerpt;
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(mut self, text: impl fmt::Display) -> Finding {
        self.remedy = Some(text.to_string());
        self
    }

    fn new(weight: Weight, place: impl fmt::Display, text: impl fmt::Display) -> Finding {
        Finding { weight, place: place.to_string(), line: 0, text: text.to_string(), excerpt: None, remedy: None }
    }
}

/// On one line: `place:line: text; remedy`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.text)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

/// All that was found, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Takes one more.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Keeps those that fit.
    pub fn retain(&mut self, fits: impl FnMut(&Finding) -> bool) {
        self.0.retain(fits);
    }

    /// Each, in the order in which it was found.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// 0 for nothing that counts, 1 for warnings, 100 for errors.
    pub fn exit_code(&self) -> u8 {
        match self.0.iter().map(|finding| finding.weight).max() {
            None | Some(Weight::Note) => 0,
            Some(Weight::Warning) => 1,
            Some(Weight::Error) => 100,
        }
    }
}
