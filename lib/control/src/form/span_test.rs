//! What is a length of time and what is not; hours that reach over midnight.

use super::{Hours, duration};
use std::time::Duration;

#[test]
fn lengths_of_time() {
    for (text, seconds) in [("second", 1), ("5s", 5), ("hour", 3600), ("2hours", 7200), ("10m", 600), ("day", 86_400), ("36d", 36 * 86_400)]
    {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["", "5", "0s", "month", "s5", "401d", "99999999999999999999s", "-1s", "1.5h", "ss", "5 s"] {
        assert!(duration(text).is_err(), "{text}");
    }
}

#[test]
fn hours_may_reach_over_midnight() {
    let night = Hours::parse("18:00-06:00").unwrap();
    for (minute, within) in [(0, true), (359, true), (360, false), (1079, false), (1080, true), (1439, true)] {
        assert_eq!(night.contain(minute), within, "{minute}");
    }
    let evening = Hours::parse("18:00-24:00").unwrap();
    assert!(evening.contain(1439) && !evening.contain(0));
    for text in ["18-06", "18:00", "18:00-18:00", "25:00-06:00", "24:01-06:00", "18:60-06:00", "8:00-12:00"] {
        assert!(Hours::parse(text).is_err(), "{text}");
    }
}
