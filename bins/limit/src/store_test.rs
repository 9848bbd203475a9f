//! What of a line may be seen; the rest is tested with a real server.

use super::without_password;

#[test]
fn passwords_are_not_logged() {
    assert_eq!(without_password("redis://relay:secret@store:6379/0"), "redis://store:6379/0");
    assert_eq!(without_password("unix:///run/store?pass=secret"), "unix:///run/store");
    assert_eq!(without_password("127.0.0.1:6379"), "127.0.0.1:6379");
}
