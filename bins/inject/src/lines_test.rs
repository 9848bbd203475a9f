use super::Lines;
use std::io::Read;

/// Gives one byte at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(out.get_mut(..1).unwrap())
    }
}

#[test]
fn every_line_ends_in_lf() {
    for (text, wanted) in [
        ("", ""),
        ("a\nb", "a\nb"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("10%\r20%\rdone\n", "10%\n20%\ndone\n"),
        ("a\r\r\nb", "a\nb"),
        ("a\r", "a\n"),
        ("\ra", "\na"),
        ("\r\n\r\n", "\n\n"),
    ] {
        for mut lines in [Box::new(Lines::of(text.as_bytes())) as Box<dyn Read>, Box::new(Lines::of(Slow(text.as_bytes())))] {
            let mut got = String::new();
            lines.read_to_string(&mut got).unwrap();
            assert_eq!(got, wanted, "{text:?}");
        }
    }
}
