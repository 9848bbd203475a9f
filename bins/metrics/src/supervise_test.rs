use super::{EPOCH, Services, Status};
use std::fs;

fn bytes(seconds: u64, process: u32, rest: &[u8]) -> Vec<u8> {
    let mut out = (EPOCH + seconds).to_be_bytes().to_vec();
    out.extend(500_000_000_u32.to_be_bytes());
    out.extend(process.to_le_bytes());
    out.extend(rest);
    out
}

#[test]
fn both_supervisors_are_understood() {
    let up = Some(Status { up: true, since: 1000.5 });
    let down = Some(Status { up: false, since: 1000.5 });
    assert_eq!(Status::parse(&bytes(1000, 77, &[0, b'u'])), up, "supervise");
    assert_eq!(Status::parse(&bytes(1000, 0, &[0, b'u'])), down);
    assert_eq!(Status::parse(&bytes(1000, 77, &[0, b'u', 0, 1])), up, "runsv");
    assert_eq!(Status::parse(&bytes(1000, 77, &[0, b'u', 0, 2])), down, "its finish script runs");
    assert_eq!(Status::parse(&bytes(1000, 0, &[0, b'd', 0, 0])), down);
    for odd in [&[][..], &[0; 17], &[0; 18], &[0; 19], &bytes(1000, 77, &[0; 5])] {
        assert_eq!(Status::parse(odd), None);
    }
}

#[test]
fn starts_are_counted_while_we_look() {
    let directory = tempfile::tempdir().unwrap();
    let status = directory.path().join("smtpd/supervise");
    fs::create_dir_all(&status).unwrap();
    fs::create_dir_all(directory.path().join("unsupervised")).unwrap();
    let mut services = Services::default();
    let mut restarts = |text: Vec<u8>| {
        fs::write(status.join("status"), text).unwrap();
        services.look(directory.path());
        assert_eq!(services.known.len(), 1);
        services.known["smtpd"].restarts
    };
    assert_eq!(restarts(bytes(1000, 77, &[0, b'u'])), 0);
    assert_eq!(restarts(bytes(1000, 77, &[0, b'u'])), 0);
    assert_eq!(restarts(bytes(1005, 0, &[0, b'u'])), 0);
    assert_eq!(restarts(bytes(1006, 78, &[0, b'u'])), 1);
    assert_eq!(restarts(bytes(1009, 79, &[0, b'u'])), 2);
}
