//! What we tell a filter, as packets.
//!
//! Security stance: texts come from clients; a NUL in one would begin another, so it becomes `?`.

use super::frame::push;
use std::net::IpAddr;

/// The longest part of a body that goes in one packet, in bytes (MILTER_CHUNK_SIZE).
pub const PIECE: usize = 65_535;
/// The longest header field that is told, name and value, in bytes: libmilter takes no larger packet.
const LONGEST_FIELD: usize = 65_000;

/// Values of macros, before the command that they belong to.
pub fn macros(out: &mut Vec<u8>, command: u8, values: &[(&str, &str)]) {
    let mut data = vec![command];
    for (name, value) in values {
        data.extend_from_slice(&ended(name.as_bytes()));
        data.extend_from_slice(&ended(value.as_bytes()));
    }
    push(out, b'D', &[&data]);
}

/// The client.
pub fn connect(out: &mut Vec<u8>, name: &str, ip: Option<IpAddr>, port: u16) {
    let name = ended(name.as_bytes());
    match ip {
        None => push(out, b'C', &[&name, b"U"]),
        Some(ip) => {
            let family: &[u8] = if ip.is_ipv4() { b"4" } else { b"6" };
            push(out, b'C', &[&name, family, &port.to_be_bytes(), &ended(ip.to_string().as_bytes())]);
        }
    }
}

/// A command with arguments: `H` name, `M` and `R` address in brackets and parameters.
pub fn with_arguments(out: &mut Vec<u8>, command: u8, arguments: &[&str]) {
    let data: Vec<u8> = arguments.iter().flat_map(|argument| ended(argument.as_bytes())).collect();
    push(out, command, &[&data]);
}

/// A header field; lines of its value end with LF alone, as filters expect.
pub fn header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let name = ended(name.get(..LONGEST_FIELD / 2).unwrap_or(name));
    let value: Vec<u8> = value.iter().copied().filter(|byte| *byte != b'\r').take(LONGEST_FIELD - name.len()).collect();
    push(out, b'L', &[&name, &ended(&value)]);
}

/// A command without data: `T` DATA, `N` end of header, `E` end of message, `A` abort, `Q` quit.
pub fn bare(out: &mut Vec<u8>, command: u8) {
    push(out, command, &[]);
}

/// A part of the body, of [`PIECE`] bytes at most.
pub fn body(out: &mut Vec<u8>, piece: &[u8]) {
    push(out, b'B', &[piece]);
}

fn ended(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if *byte == 0 { b'?' } else { *byte }).chain([0]).collect()
}
