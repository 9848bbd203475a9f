use super::{fast_commit_device, has_fast_commits};
use std::path::Path;

#[test]
fn counters_tell_when_there_was_one() {
    let text = |commits, ineligible| {
        format!(
            "fc stats:\n{commits} commits\n{ineligible} ineligible\n7 numblks\n0us avg_commit_time\nIneligible reasons:\n\"Resize\":\t0\n"
        )
    };
    assert!(!has_fast_commits("") && !has_fast_commits(&text(0, 0)));
    assert!(has_fast_commits(&text(1, 0)) && has_fast_commits(&text(0, 1)));
}

#[test]
fn what_is_no_ext4_or_not_there_has_none() {
    assert_eq!(fast_commit_device(Path::new("/proc")), None);
    assert_eq!(fast_commit_device(Path::new("/nonexistent")), None);
}
