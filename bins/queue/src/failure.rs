//! Why a message was not queued, for the caller, for its user and for the admin.

use stafett_sys::descriptor;
use stafett_wire::exitcode;
use stafett_wire::injector::Answer;
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileTypeExt;

/// A message that was not queued.
#[derive(Debug)]
pub struct Failure {
    code: i32,
    reason: String,
    /// Words for the message's sender, where they say more than the code.
    words: Option<Answer>,
}

impl Failure {
    /// A failure that its exit code describes.
    pub fn new(code: i32, reason: impl fmt::Display) -> Failure {
        Failure { code, reason: reason.to_string(), words: None }
    }

    /// The message itself is refused for good; `text` begins with an SMTP reply code.
    pub fn refused(text: &str) -> Failure {
        Failure::said(Answer::Permanent(text.to_owned()))
    }

    /// What queued said.
    pub fn said(answer: Answer) -> Failure {
        let (Answer::Accepted(text) | Answer::Temporary(text) | Answer::Permanent(text)) = &answer;
        Failure { code: exitcode::encode(&answer), reason: format!("the message was not queued: {text}"), words: Some(answer) }
    }

    /// The exit code without regard to [`TextChannel`].
    #[cfg(test)]
    pub fn code(&self) -> i32 {
        self.code
    }

    /// Writes the words where the caller listens for them. Returns the exit code.
    pub fn tell(&self, channel: Option<TextChannel>) -> u8 {
        let words = self.words.as_ref().and_then(exitcode::encode_text);
        let told = match (words, channel) {
            (Some(words), Some(mut channel)) => channel.0.write_all(&words).is_ok(),
            _ => false,
        };
        let code = if told { exitcode::CUSTOM } else { self.code };
        u8::try_from(code).unwrap_or(u8::MAX)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Descriptor 6 of a caller that wants a refusal in words.
#[derive(Debug)]
pub struct TextChannel(File);

impl TextChannel {
    /// Writes the queue id, as a text with the letter K.
    pub fn tell_id(mut self, id: &str) {
        let _ = self.0.write_all(format!("K{id}").as_bytes());
    }

    /// Takes it if it is a pipe or socket. Any other file has this number by chance, and is not
    /// written to.
    pub fn inherited() -> Option<TextChannel> {
        let file = File::from(descriptor::inherited(exitcode::CUSTOM_DESCRIPTOR).ok()?);
        let kind = file.metadata().ok()?.file_type();
        (kind.is_fifo() || kind.is_socket()).then_some(TextChannel(file))
    }
}
