//! smtproutes, whose lines may end with credentials: `domain:relay:port|user|password`.
//!
//! What: such a line becomes `domain:relay:port auth=NAME`, and the credentials go into smtpauth, which remote alone reads. Any
//! other line is taken as it is. Security stance: passwords are never printed. How it fails: a line that our reader does not
//! accept is named, and the file is left. Known limits: ours says passwords under verified TLS alone, which a relay must offer.

use crate::control::{first_fault, put, read};
use crate::ground::Ground;
use crate::report::{Mark, Report};
use stafett_control::rows;

/// Takes it over.
///
/// # Errors
/// When a file cannot be read or written.
pub fn take(ground: &mut Ground, report: &mut Report) -> Result<(), String> {
    let bytes = read(&ground.qmail.join("control/smtproutes"))?;
    let Ok(text) = String::from_utf8(bytes.clone()) else {
        report.say(Mark::Left, "control/smtproutes", "holds bytes that are no UTF-8 text");
        return Ok(());
    };
    if !text.lines().any(|line| is_counted(line) && line.contains('|')) {
        return taken(ground, &bytes, &text, "", report);
    }
    let has_colon = |line: &str| is_counted(line) && line.split('|').nth(1).is_some_and(|user| user.contains(':'));
    if let Some(index) = text.lines().position(has_colon) {
        let place = format!("control/smtproutes:{}", index + 1);
        report.say(Mark::Left, place, "its user name holds a colon, which ends a user name in smtpauth");
        return Ok(());
    }
    let translated = translate(&text);
    let reported = taken(ground, translated.routes.as_bytes(), &translated.routes, "with the credentials in smtpauth", report);
    reported?;
    report.say(
        Mark::Note,
        "control/smtpauth",
        "passwords are said under TLS with a verified certificate alone, else that mail waits; see without-tls and tls= in stafett-control(5)",
    );
    put(ground, &rows::SMTPAUTH, translated.accounts.as_bytes(), "from control/smtproutes", report)
}

fn taken(ground: &mut Ground, bytes: &[u8], text: &str, how: &str, report: &mut Report) -> Result<(), String> {
    for (index, line) in text.lines().enumerate().filter(|(_, line)| is_counted(line)) {
        let fault = match line.contains(':') {
            true => first_fault(&rows::SMTPROUTES, &[line.to_owned()]),
            false => Some("has no colon; write domain:relay".to_owned()),
        };
        if let Some(fault) = fault {
            report.say(
                Mark::Left,
                format_args!("control/smtproutes:{}", index + 1),
                format_args!("{fault}; correct it and run this again"),
            );
            return Ok(());
        }
    }
    put(ground, &rows::SMTPROUTES, bytes, how, report)
}

fn is_counted(line: &str) -> bool {
    !line.trim_end().is_empty() && !line.starts_with('#')
}

/// Both files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Translated {
    routes: String,
    accounts: String,
}

fn translate(text: &str) -> Translated {
    let mut translated = Translated::default();
    let mut known: Vec<(&str, &str)> = Vec::new();
    for line in text.lines() {
        match line.split_once('|').filter(|_| is_counted(line)) {
            Some((route, credentials)) => {
                let (user, password) = credentials.split_once('|').unwrap_or((credentials, ""));
                let number = known.iter().position(|pair| *pair == (user, password)).unwrap_or_else(|| {
                    known.push((user, password));
                    translated.accounts.push_str(&format!("relay{}:{user}:{password}\n", known.len()));
                    known.len() - 1
                });
                translated.routes.push_str(&format!("{} auth=relay{}\n", route.trim_end(), number + 1));
            }
            None => translated.routes.push_str(&format!("{line}\n")),
        }
    }
    translated
}

#[cfg(test)]
#[path = "relays_test.rs"]
mod relays_test;
