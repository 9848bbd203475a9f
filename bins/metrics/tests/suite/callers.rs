//! Callers, friendly and not.

use crate::parser::parse;
use crate::site::{Site, connect_unix, hear};
use std::fs;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn a_unix_socket_serves_as_well() {
    let mut site = Site::new();
    let path = site.path("own/socket");
    site.start(&["--listen", path.to_str().unwrap()]);
    let mut stream = connect_unix(&path);
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let heard = hear(stream);
    parse(heard.split_once("\r\n\r\n").unwrap().1);
    site.stop();
}

#[test]
fn it_runs_without_power_and_listens_on_loopback() {
    let mut site = Site::new();
    let output = site.run(&["--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(100));
    assert!(String::from_utf8(output.stderr).unwrap().contains("add --any-address"));
    site.start(&[]);
    let status = fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let second = site.run(&["--listen", &site.address.to_string()]);
    assert_eq!(second.status.code(), Some(111));
    if stafett_sys::user::Uid::effective().is_root() {
        let as_root = std::process::Command::new(site.path("stafett-metrics")).env("STAFETT", site.path("")).output().unwrap();
        assert!(String::from_utf8(as_root.stderr).unwrap().contains("must not run as root"));
    }
}

#[test]
fn odd_requests_are_refused_and_large_ones_cut_off() {
    let mut site = Site::new();
    site.start(&[]);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "404"),
        ("DELETE /metrics HTTP/1.1\r\n\r\n".to_owned(), "405"),
        ("\u{7f}\u{1}\n\n".to_owned(), "400"),
        (format!("GET /{}\r\n", "x".repeat(8192)), "431"),
    ] {
        let heard = site.ask(&request);
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {heard}");
    }
    let mut stream = site.connect();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(hear(&mut stream), "");
}

#[test]
fn silent_and_endless_callers_keep_nobody_out_and_are_ended() {
    let mut site = Site::new();
    site.start(&[]);
    let begun = Instant::now();
    let mut idle: Vec<_> = (0..200).map(|_| site.connect()).collect();
    parse(&site.scrape());
    let mut endless = site.connect();
    endless.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    let talk = begun + Duration::from_secs(12);
    while Instant::now() < talk && endless.write_all(&[b'x'; 1000]).is_ok() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(Instant::now() < talk, "a caller that talks for ever is not ended");
    for stream in &mut idle {
        let ended = match stream.read(&mut [0; 10]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
        assert!(ended, "a caller that says nothing is not ended");
    }
    assert!(begun.elapsed() < Duration::from_secs(15));
    parse(&site.scrape());
    let descriptors = fs::read_dir(format!("/proc/{}/fd", site.pid())).unwrap().count();
    assert!(descriptors < 32, "{descriptors} descriptors are open");
    site.stop();
}
