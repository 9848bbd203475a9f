//! Handshakes for tests/bench/run, taken and asked for.
//!
//! `stafett-bench-shake loop SOCKET CERT KEY` is the TLS library and nothing else: one process that holds its key and takes
//! handshake after handshake on descriptors that come over the packet socket, as stafett-tls gets them.
//!
//! `stafett-bench-shake ask SOCKET COUNT WAY` is smtpd and a client in one: it makes COUNT connections over loopback, one after the
//! other, hands one end to whoever listens at the socket (the loop, or stafett-tls) and shakes hands on the other. WAY is `again` (full
//! handshakes of one client), `strangers` (each of another client), `resumed`, or with `loop-` in front the same with the loop.
//! How it fails: a line on standard error and exit 101.

mod ask;
mod bare;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["loop", socket, certificate, key] => bare::serve(socket, certificate, key),
        ["ask", socket, count, way] => ask::run(socket, count.parse().expect("a number of handshakes"), way),
        _ => {
            eprintln!("usage: stafett-bench-shake loop SOCKET CERT KEY | ask SOCKET COUNT WAY");
            return ExitCode::from(100);
        }
    }
    ExitCode::SUCCESS
}
