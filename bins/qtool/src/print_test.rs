use super::Printer;
use std::io::BufWriter;

#[test]
fn a_terminal_gets_no_bytes_that_drive_it() {
    for (is_terminal, expected) in [(true, &b"a_[2J\tb\nc"[..]), (false, b"a\x1b[2J\tb\r\nc")] {
        let mut printer = Printer { out: BufWriter::new(Vec::new()), is_terminal };
        printer.put(b"a\x1b[2J\tb\r\nc").unwrap();
        assert_eq!(printer.out.into_inner().unwrap(), expected);
    }
}
