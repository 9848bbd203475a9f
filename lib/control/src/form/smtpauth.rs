//! One line of control/smtpauth: `NAME:user:password`, where words behind the name say how they may be used.
//!
//! Security stance: no reason repeats anything of a line but its name and words, because the rest is a password.
//! How it fails: a sentence that says what to write.
//! Known limits: a user name has no colon; blank space at the end of a password is not part of it.

/// What a line says.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// What routes call it, in lower case.
    pub name: String,
    /// It may be said without TLS too.
    pub without_tls: bool,
    /// The only mechanisms that may be used, in lower case; all where there are none.
    pub mechanisms: Vec<String>,
    /// The user there.
    pub user: String,
    /// The password there.
    pub password: String,
}

/// The password stays out of logs.
impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({})", self.name)
    }
}

/// The word for `without_tls`.
const WITHOUT_TLS: &str = "without-tls";
/// The mechanisms that a line can name.
const MECHANISMS: [&str; 3] = ["scram-sha-256", "plain", "login"];
/// Bytes of a user or a password at most (RFC 4616 §2).
const LONGEST: usize = 255;

/// Takes a line apart.
///
/// # Errors
/// A sentence that says what to write.
pub fn split(line: &str) -> Result<Account, String> {
    let mut parts = line.splitn(3, ':');
    let (Some(head), Some(user), Some(password)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("this line is not three parts with colons between them; write NAME:user:password".to_owned());
    };
    let mut words = head.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    is_name(name)?;
    let mut account = Account {
        name: name.to_lowercase(),
        without_tls: false,
        mechanisms: Vec::new(),
        user: user.to_owned(),
        password: password.to_owned(),
    };
    for word in words.map(str::to_lowercase) {
        match word.as_str() {
            WITHOUT_TLS => account.without_tls = true,
            word if MECHANISMS.contains(&word) => account.mechanisms.push(word.to_owned()),
            _ => return Err(format!("\"{word}\" is not known; write {WITHOUT_TLS}, {} or nothing behind the name", MECHANISMS.join(", "))),
        }
    }
    match (user.len(), password.len()) {
        (1..=LONGEST, 1..=LONGEST) => Ok(account),
        _ => Err(format!("user and password have 1 to {LONGEST} bytes each; write NAME:user:password")),
    }
}

/// Whether routes can name it so: letters, digits, `-`, `_` and dots.
///
/// # Errors
/// A sentence that says what to write.
pub fn is_name(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match !name.is_empty() && name.len() <= 64 && name.bytes().all(fits) {
        true => Ok(()),
        // It might be a password that stands in the wrong place.
        false => Err("the name of the credentials is not one; write letters, digits, -, _ and dots".to_owned()),
    }
}

/// Judges a line.
///
/// # Errors
/// As [`split`].
pub fn account(line: &str) -> Result<(), String> {
    split(line).map(drop)
}

#[cfg(test)]
#[path = "smtpauth_test.rs"]
mod smtpauth_test;
