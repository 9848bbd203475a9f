//! Ids are never given twice.

use crate::common::{MESSAGE, Site, envelope, wait_until};
use stafett_sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;

fn lastid(site: &Site) -> String {
    fs::read_to_string(site.path("queue/lastid")).unwrap_or_default().trim_end().to_owned()
}

#[test]
fn ids_are_unique_over_connections_and_increase_over_restarts() {
    let mut site = Site::new();
    let mut last = String::new();
    let mut all = BTreeSet::new();
    for _ in 0..3 {
        site.start();
        let ids: Vec<String> = std::thread::scope(|scope| {
            let callers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..10).map(|_| site.call().inject(&envelope(), MESSAGE)).collect::<Vec<_>>())).collect();
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id > last && id.len() == 16));
        last = ids.iter().max().unwrap().clone();
        assert!(ids.into_iter().all(|id| all.insert(id)));
        site.stop();
        assert_eq!(lastid(&site), last);
    }
}

#[test]
fn a_clock_that_went_back_is_not_followed() {
    let mut site = Site::new();
    fs::write(site.path("queue/lastid"), "4102444800000000\n").unwrap();
    site.give("queue/lastid", crate::common::NOBODY);
    site.start();
    assert_eq!(site.call().inject(&envelope(), MESSAGE), "4102444800000001");
    site.stop();
    assert_eq!(lastid(&site), "4102444800000001");
}

#[test]
fn after_a_crash_ids_begin_behind_all_that_may_have_been_given() {
    let mut site = Site::started();
    let id = site.call().inject(&envelope(), MESSAGE);
    wait_until("the memory is ahead", || lastid(&site) > id);
    let ahead = lastid(&site);
    site.signal(Signal::Kill);
    site.ended();
    site.start();
    assert!(site.call().inject(&envelope(), MESSAGE) > ahead);
}

#[test]
fn a_memory_without_a_number_is_replaced_and_one_without_room_is_fatal() {
    let mut site = Site::new();
    fs::write(site.path("queue/lastid"), "\0\0\0").unwrap();
    site.give("queue/lastid", crate::common::NOBODY);
    site.start();
    let id = site.call().inject(&envelope(), MESSAGE);
    site.stop();
    assert_eq!(lastid(&site), id);
    fs::write(site.path("queue/lastid"), "9999999999999999\n").unwrap();
    assert!(site.start_in_vain().contains("queue/lastid: the id 9999999999999999 lies too far in the future"));
}
