//! The variables by which a listener and its rules tell smtpd what counts for a connection.
//!
//! What: one table of names, with the form of each value. The listener passes those on that stand in its own environment,
//! the checker judges them; what a rule sets wins over them. How it fails: a value that cannot mean what it should is named
//! in words. Known limits: a rule may set other variables too, for the programs of QMAILQUEUE and RCPTCHECK.

/// A variable that smtpd understands.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    form: Form,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// Text of its own kind.
    Any,
    /// A whole number.
    Number,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Some of these, with blanks between.
    Words(&'static [&'static str]),
}

/// The words of SUBMISSION.
pub const SUBMISSION_WORDS: &[&str] = &["1", "person", "robot", "relayclient"];

/// All of them.
pub const VARIABLES: &[Variable] = &[
    Variable { name: "BADMAILFROM", form: Form::Any },
    Variable { name: "BOUNCEMAIL", form: Form::Any },
    Variable { name: "DATABYTES", form: Form::Number },
    Variable { name: "DKIMSIGN", form: Form::OneOf(&["", "0", "1", "own"]) },
    Variable { name: "DMARCBEHAVIOR", form: Form::Number },
    Variable { name: "FORCETLS", form: Form::Any },
    Variable { name: "GREETDELAY", form: Form::Number },
    Variable { name: "MASQUERADE", form: Form::OneOf(&["", "0", "1"]) },
    Variable { name: "MAXRECIPIENTS", form: Form::Number },
    Variable { name: "QMAILQUEUE", form: Form::Any },
    Variable { name: "RBLSMTPD", form: Form::Any },
    Variable { name: "RCPTCHECK", form: Form::Any },
    Variable { name: "RELAYCLIENT", form: Form::Any },
    Variable { name: "SMTPS", form: Form::Any },
    Variable { name: "SPFBEHAVIOR", form: Form::Number },
    Variable { name: "SUBMISSION", form: Form::Words(SUBMISSION_WORDS) },
    Variable { name: "TARPITCOUNT", form: Form::Number },
    Variable { name: "TARPITDELAY", form: Form::Number },
    Variable { name: "UCSPITLS", form: Form::OneOf(&["", "!", "-"]) },
];

/// The variable of this name.
pub fn variable(name: &[u8]) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name.as_bytes() == name)
}

impl Variable {
    /// Judges a value.
    ///
    /// # Errors
    /// What it should be, in words.
    pub fn judge(&self, value: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(value).map_err(|_| format!("{} is not UTF-8 text", self.name))?;
        let shown = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        match self.form {
            Form::Any => Ok(()),
            Form::Number if text.trim().parse::<u64>().is_ok() => Ok(()),
            Form::Number => Err(format!("{}=\"{text}\" is not a number", self.name)),
            Form::OneOf(words) if words.contains(&text) => Ok(()),
            Form::OneOf(words) => Err(format!("{}=\"{text}\" is none of {}", self.name, shown(words))),
            Form::Words(words) => match text.split_ascii_whitespace().find(|word| !words.contains(word)) {
                None => Ok(()),
                Some(odd) => Err(format!("{}: \"{odd}\" is none of {}", self.name, shown(words))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{VARIABLES, variable};

    #[test]
    fn values_are_judged_by_their_form() {
        assert!(VARIABLES.is_sorted_by_key(|variable| variable.name));
        let judge = |name: &str, value: &str| variable(name.as_bytes()).ok_or("unknown".to_owned())?.judge(value.as_bytes());
        assert_eq!(judge("DATABYTES", " 100 "), Ok(()));
        assert_eq!(judge("DATABYTES", "much"), Err("DATABYTES=\"much\" is not a number".into()));
        assert_eq!(judge("UCSPITLS", "!"), Ok(()));
        assert_eq!(judge("MASQUERADE", "yes"), Err("MASQUERADE=\"yes\" is none of \"\", \"0\", \"1\"".into()));
        assert_eq!(judge("SUBMISSION", "robot relayclient"), Ok(()));
        assert!(judge("SUBMISSION", "robots").is_err());
        assert_eq!(judge("LD_PRELOAD", ""), Err("unknown".into()));
    }
}
