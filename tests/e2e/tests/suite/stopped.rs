//! A program that is stopped is there and does nothing: the others must not wait for it for ever.

use stafett_test_e2e::{Signal, Sink, Site, message, signal, transfer, wait_until};

#[test]
fn a_stopped_remote_keeps_the_scheduler_neither_from_ending_nor_the_message_from_arriving() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    site.control("timeoutdelivery", "1\n");
    let (send, remote) = (site.resident("stafett-send").pid, site.resident("stafett-remote"));
    remote.stop();
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("patient"));
    site.logged("send", "starting delivery ");
    signal(send, Signal::SIGTERM);
    let has_ended = wait_until(30, || site.processes("stafett-send").iter().all(|process| process.pid != send));
    assert!(has_ended, "{}", site.logs());
    site.logged("send", "status: exiting");
    signal(remote.pid, Signal::SIGCONT);
    // the delivery that was given up may arrive too, before the scheduler tries again
    let done = wait_until(60, || {
        signal(site.resident("stafett-send").pid, Signal::SIGALRM);
        sink.wait(1, |seen| !seen.arrived.is_empty()) && site.queue_files().is_empty()
    });
    assert!(done, "{}", site.logs());
    site.logged("send", "possible duplicate: msg ");
}
