//! The words of SMTP, both directions: commands, replies, EHLO keywords and the form of message data on the wire.
//!
//! What it does: bytes in, typed values out, and back. It owns no socket, reads no clock and keeps no session; the programs
//! do that. Server side: [`command`], [`reply`], [`ehlo`] (the offer), [`decode`], [`hops`]. Client side: [`response`],
//! [`ehlo`] (the capabilities), [`encode`].
//!
//! Security stance: both peers are hostile. Every line and every reply has a largest size, every parameter is checked
//! before it is believed, and the one sequence that ends a message is CR LF `.` CR LF after a line that ended in CR LF.
//!
//! How it fails: with a typed fault that the caller turns into a reply or a verdict; nothing panics on any input.
//!
//! Known limits: STARTTLS and AUTH are known as words only; BINARYMIME is refused.

pub mod base64;
pub mod command;
pub mod decode;
pub mod ehlo;
pub mod encode;
pub mod enhanced;
pub mod hops;
pub mod parameters;
pub mod reply;
pub mod response;
pub mod sasl;

#[cfg(test)]
mod tests;

pub use command::Command;
pub use enhanced::Enhanced;
pub use reply::Reply;
pub use response::Response;

/// Does once what each conversation would do first: the scanning functions ask the processor what it can, and a virtual
/// machine answers that question in tens of microseconds. A parent calls this before it forks its children.
pub fn rehearse() {
    let mut decoder = decode::Decoder::new();
    decoder.feed(b"Received: by rehearsal\r\n\r\n.\r\n", |bytes| hops::HopCounter::new().feed(bytes));
    encode::Stuffer::new().append(b"rehearsal\r\n", &mut Vec::new());
}
