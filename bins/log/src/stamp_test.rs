use super::{Moment, label, split};

const LINE: &[u8] = b"new msg 1763758000123456";

#[test]
fn both_supervisors_stamps_are_read() {
    // 2026-11-21 22:18:14 UTC is 1795299494.
    let wanted = Moment(1_795_299_494_228_050);
    for stamp in ["2026-11-21_22:18:14.22805 ", "2026-11-21T22:18:14.228050 ", "@400000006b0218b00d97c450 "] {
        let line = [stamp.as_bytes(), LINE].concat();
        assert_eq!(split(&line), (Some(wanted), LINE), "{stamp}");
    }
    assert_eq!(wanted.to_string(), "2026-11-21 22:18:14.228");
}

#[test]
fn what_is_no_stamp_stays_in_the_line() {
    for line in [
        "",
        "@",
        "@400000006b0218b00d97d7d",
        "@zzzz00006b0218b00d97d7d0 x",
        "2026-13-41_22:18:14.2 x",
        "2026-11-21_22:18:14 x",
        "new msg 1",
    ] {
        assert_eq!(split(line.as_bytes()), (None, line.as_bytes()));
    }
    assert_eq!(label(b"@0000000000000000ffffffff"), None);
}

#[test]
fn times_far_away_can_be_shown() {
    assert_eq!(Moment(i64::MAX).to_string(), "at an impossible time");
    assert_eq!(Moment(-1).to_string(), "1969-12-31 23:59:59.999");
}
