use super::Rules;
use stafett_control::Control;
use std::fs;
use std::path::Path;

fn rules(root: &Path, files: &[(&str, &str)]) -> Option<Rules> {
    fs::create_dir_all(root.join("control")).unwrap();
    files.iter().for_each(|(name, text)| fs::write(root.join("control").join(name), text).unwrap());
    Rules::read(&Control::new(root.join("control"))).unwrap()
}

const FILES: [(&str, &str); 6] = [
    ("me", "relay.example\n"),
    ("srsdomain", "srs.example\n"),
    ("srsforward", "*members.example\n"),
    ("srskeep", "*ours.example\n"),
    ("locals", "local.example\n"),
    ("rcpthosts", "members.example\nrelayed.example\n.below.example\n"),
];

#[test]
fn senders_of_this_host_and_of_ours_stay() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("run/local")).unwrap();
    let rules = rules(place.path(), &FILES).unwrap();
    assert!(rules.rewrite("a@sender.example") && rules.rewrite("SRS0=a=b=c=d@other.example"));
    for sender in [
        "",
        "#@[]",
        "a",
        "a@[192.0.2.1]",
        "a@mail.ours.example",
        "SRS0=a=b=c=d@SRS.example",
        "list-owner@local.example",
        "list-owner-r=members.example@local.example",
        "list-owner-@local.example-@[]",
    ] {
        assert!(!rules.rewrite(sender), "{sender}");
    }
}

#[test]
fn mail_to_the_domains_that_are_named_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let named = rules(place.path(), &FILES).unwrap();
    let forward = |rules: &Rules, address: &str| rules.forward_to(address).unwrap();
    assert!(forward(&named, "c@members.example") && forward(&named, "c@mail.MEMBERS.example"));
    assert!(!forward(&named, "c@elsewhere.example") && !forward(&named, "c@[192.0.2.1]") && !forward(&named, "c"));
    // every domain means those that are not ours; one that is named is meant all the same
    let all = rules(place.path(), &[("srsforward", "*\nmembers.example\n")]).unwrap();
    assert!(forward(&all, "c@elsewhere.example") && forward(&all, "c@members.example") && forward(&all, "c@below.example"));
    for address in ["c@relayed.example", "c@mail.below.example", "c@srs.example"] {
        assert!(!forward(&all, address), "{address}");
    }
    // what switches it off
    fs::remove_file(place.path().join("control/srsdomain")).unwrap();
    assert!(rules(place.path(), &[]).is_none());
}
