use super::{Limit, Outcome, carry_out, listen};
use rustix::process::{Signal, getpid, kill_process};
use stafett_sys::descriptor;
use stafett_sys::process::{self, Fork};
use stafett_wire::Verdict;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

fn limit(patience: Duration) -> Limit {
    Limit { what: "It", patience, reason: "the limit" }
}

fn stop() {
    let _ = kill_process(getpid(), Signal::STOP);
}

#[test]
fn who_stops_the_process_stops_nothing_else() {
    let outcome = carry_out(
        limit(Duration::from_millis(100)),
        || {},
        || {
            stop();
            Outcome::never("")
        },
    );
    assert_eq!((outcome.verdict, outcome.text.as_str()), (Verdict::Temporary, "It took too long: the limit. (#4.4.7)"));
}

#[test]
fn a_process_that_has_nothing_more_to_say_is_not_waited_for() {
    for (said, wanted) in [(&b"K-done"[..], Verdict::Ok), (b"", Verdict::Temporary)] {
        let (read, write) = descriptor::pipe().unwrap();
        match process::fork().unwrap() {
            Fork::Child => {
                let _ = descriptor::write_all(&write, said);
                drop(write);
                stop();
                process::exit_now(0);
            }
            Fork::Parent(pid) => {
                drop(write);
                let outcome = listen(limit(HOUR), pid, &read, Instant::now() + HOUR).unwrap();
                assert_eq!(outcome.verdict, wanted, "{}", outcome.text);
            }
        }
    }
}
