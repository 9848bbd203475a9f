//! The command line.

use std::ffi::OsString;

/// How it is called.
pub const USAGE: &str = "usage: stafett-passwd [DIR] add NAME [--only argon2id|scram] [--without-password] [WORD=VALUE]... \
                         | [DIR] change NAME [--only argon2id|scram] | [DIR] set NAME WORD=VALUE... \
                         | [DIR] lock NAME | [DIR] unlock NAME | [DIR] remove NAME | [DIR] show NAME | [DIR] list";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// A new account.
    Add,
    /// Another password.
    Change,
    /// Other words.
    Set,
    /// No log-in until it is unlocked.
    Lock,
    /// Log-ins again.
    Unlock,
    /// No account.
    Remove,
    /// One account.
    Show,
    /// All accounts.
    List,
}

const VERBS: &[(&str, Verb)] = &[
    ("add", Verb::Add),
    ("change", Verb::Change),
    ("set", Verb::Set),
    ("lock", Verb::Lock),
    ("unlock", Verb::Unlock),
    ("remove", Verb::Remove),
    ("show", Verb::Show),
    ("list", Verb::List),
];

/// Which verifiers are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kinds {
    /// One of each.
    #[default]
    Both,
    /// argon2id.
    Argon2id,
    /// SCRAM-SHA-256.
    Scram,
    /// None: another one knows the password.
    None,
}

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The instance's directory.
    pub directory: Option<OsString>,
    /// What is asked for.
    pub verb: Verb,
    /// The account; empty for a list.
    pub name: String,
    /// Which verifiers are made.
    pub kinds: Kinds,
    /// Words of the account.
    pub words: Vec<String>,
}

impl Options {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// A sentence about the first that is wrong.
    pub fn read() -> Result<Options, String> {
        Options::parse(lexopt::Parser::from_env())
    }

    fn parse(mut parser: lexopt::Parser) -> Result<Options, String> {
        use lexopt::prelude::{Long, Value};
        let (mut values, mut kinds) = (Vec::new(), Kinds::Both);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                Long("only") => kinds = kind(&parser.value().map_err(|error| error.to_string())?)?,
                Long("without-password") => kinds = Kinds::None,
                Value(value) => values.push(value),
                other => return Err(other.unexpected().to_string()),
            }
        }
        let is_verb = |value: &OsString| VERBS.iter().any(|(word, _)| value == word);
        let directory = values.first().is_some_and(|first| !is_verb(first)).then(|| values.remove(0));
        let values = values.into_iter().map(OsString::into_string).collect::<Result<Vec<_>, _>>();
        let mut values = values.map_err(|_| "an argument is no UTF-8 text".to_owned())?.into_iter();
        let word = values.next().ok_or("what is to be done is missing")?;
        let verb = VERBS.iter().find(|(known, _)| *known == word).map(|(_, verb)| *verb);
        let verb = verb.ok_or_else(|| format!("\"{word}\" is nothing that can be done"))?;
        let name = values.next().unwrap_or_default();
        let options = Options { directory, verb, name, kinds, words: values.collect() };
        options.judge().map(|()| options)
    }

    fn judge(&self) -> Result<(), String> {
        match self.verb {
            Verb::List if !self.name.is_empty() => Err(format!("unexpected argument \"{}\"", self.name)),
            Verb::List => Ok(()),
            _ if self.name.is_empty() => Err("the name of an account is missing".to_owned()),
            Verb::Set if self.words.is_empty() => Err("nothing is to be set".to_owned()),
            Verb::Add | Verb::Set => Ok(()),
            _ => match self.words.first() {
                // whoever writes a password there must not see it once more
                Some(_) => Err("an argument too many; a password is read from standard input".to_owned()),
                None => Ok(()),
            },
        }
    }
}

fn kind(value: &OsString) -> Result<Kinds, String> {
    match value.to_str() {
        Some("argon2id") => Ok(Kinds::Argon2id),
        Some("scram") => Ok(Kinds::Scram),
        _ => Err("--only takes argon2id or scram".to_owned()),
    }
}

#[cfg(test)]
#[path = "options_test.rs"]
mod options_test;
