use super::of;

#[test]
fn equal_reasons_read_equal() {
    for (text, reason) in [
        (
            "127.0.0.1_does_not_like_recipient._Remote_host_said:_451_4.7.1_<a@b.example>:_Greylisted_for_300_seconds",
            "451 4.7.1 <ADDRESS>: Greylisted for N seconds",
        ),
        (
            "192.0.2.9_failed_on_DATA_command._Remote_host_said:_452_4.3.1_4bXyZ12q:_full,_see_http://x.example/a?b=1",
            "452 4.3.1 ID: full, see URL",
        ),
        ("Sorry,_I_couldn't_find_any_host_named_no.such.example._(#5.1.2)", "5.1.2 Sorry, I couldn't find any host named HOST."),
        (
            "Sorry,_I_wasn't_able_to_establish_an_SMTP_connection_with_127.0.0.1:31991:_127.0.0.1:_Connection_refused_(os_error_111)_(#4.4.1)",
            "4.4.1 Sorry, I wasn't able to establish an SMTP connection with IP: IP: Connection refused (os error N)",
        ),
        ("stafett-remote_was_not_there;_trying_again", "stafett-remote was not there; trying again"),
        ("_", ""),
        ("", ""),
    ] {
        assert_eq!(of(text).trim(), reason, "{text}");
    }
}

#[test]
fn a_long_reason_is_cut_between_words() {
    let reason = of(&"very_long_words_".repeat(100));
    assert!(reason.len() < 140 && reason.ends_with("..."), "{reason}");
}
