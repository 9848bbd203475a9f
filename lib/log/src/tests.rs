use super::safe;

#[test]
fn text_of_a_peer_cannot_end_a_line_or_drive_a_terminal() {
    assert_eq!(safe(b"a\r\nb\x1b[2Jc%s").to_string(), "a_/b_[2Jc_s");
    assert_eq!(safe(b"\xff\xfe!").to_string(), "__!");
    assert_eq!(safe("r\u{e4}ksm\u{f6}rg\u{e5}s\u{202e}".as_bytes()).to_string(), "r\u{e4}ksm\u{f6}rg\u{e5}s_");
}
