use crate::options::{Options, parse};
use crate::ports::{self, Listening};
use crate::show;
use stafett_control::Excerpt;
use stafett_site::{Finding, Weight};

fn options(arguments: &[&str]) -> Result<Options, String> {
    parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
}

#[test]
fn options_are_read_in_any_order() {
    let read = options(&["--quiet", "/x", "--dns"]).unwrap();
    assert_eq!((read.directory, read.dns, read.quiet, read.service), (Some("/x".into()), true, true, None));
    assert_eq!(options(&["--service", "send"]).unwrap().service.as_deref(), Some("send"));
    assert_eq!(options(&["-v"]).unwrap().least(), Weight::Note);
    assert_eq!(options(&["-q"]).unwrap().least(), Weight::Error);
    for bad in [&["--chekc"][..], &["/x", "/y"], &["--service"]] {
        assert!(options(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_finding_is_shown_with_line_caret_and_remedy() {
    let excerpt = Excerpt::of("b.example:host:0", "0");
    let finding = Finding::error("control/smtproutes", "\"0\" is not a port").at(2).showing(Some(excerpt)).remedy("write a number");
    let shown = "control/smtproutes:2: error: \"0\" is not a port\n    b.example:host:0\n                   ^\n    write a number\n";
    assert_eq!(show::one(&finding), shown);
    assert_eq!(show::one(&Finding::note("queue", "fine")), "queue: note: fine\n");
}

#[test]
fn nothing_of_a_name_reaches_the_terminal_as_it_is() {
    assert_eq!(show::one(&Finding::warning("control/a\u{1b}[2Jb\n100%", "x")), "control/a_[2Jb/100%: warning: x\n");
}

#[test]
fn listening_sockets_are_read_from_proc() {
    let four =
        "   0: 0100007F:09DD 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0";
    let six = "   1: 00000000000000000000000000000000:0019 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4712 1 0 100 0 0 10 0";
    let connected = four.replace(" 0A ", " 01 ");
    let found: Vec<Listening> = [four, six, &connected, "  sl  local_address rem_address"].into_iter().filter_map(ports::parse).collect();
    let seen: Vec<(String, u64)> = found.iter().map(|socket| (socket.address.to_string(), socket.inode)).collect();
    assert_eq!(seen, [("127.0.0.1:2525".to_owned(), 4711), ("[::]:25".to_owned(), 4712)]);
    for (address, port, conflicts) in [("0", 2525, 1), ("127.0.0.1", 2525, 1), ("192.0.2.1", 2525, 0), ("192.0.2.1", 25, 1), ("0", 26, 0)] {
        assert_eq!(ports::conflicting(&found, address, port).len(), conflicts, "{address} {port}");
    }
}

#[test]
fn loopback_is_ours_and_documentation_is_not() {
    assert!(ports::is_own_address("127.8.9.10".parse().unwrap()));
    assert!(ports::is_own_address("::1".parse().unwrap()));
    assert!(!ports::is_own_address("192.0.2.77".parse().unwrap()));
}
