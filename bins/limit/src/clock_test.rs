//! The clock goes on where it left off.

use super::{Clock, begin};

#[test]
fn it_never_goes_back() {
    assert_eq!((begin(1000, 900), begin(1000, 5000)), (1000, 5000));
    let clock = Clock::new(u64::MAX / 2);
    let first = clock.now();
    assert!(first >= u64::MAX / 2 && clock.now() >= first);
}
