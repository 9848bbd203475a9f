//! One place and its share.

use super::*;

#[test]
fn a_place_gets_its_share_whatever_it_is_called() {
    let shares = Shares::default();
    let mail = |text: &str| Place::Mail(text.to_owned());
    let post = |text: &str| Place::Post(text.to_owned());
    for number in 0..MOST {
        assert!(shares.take(&mail(&format!("Reports+{number}@victim.test"))));
        assert!(shares.take(&post(&format!("https://victim.test/{number}"))));
    }
    assert!(!shares.take(&mail("reports@Victim.test")) && !shares.take(&post("https://VICTIM.test:443?x")));
    assert!(shares.take(&mail("other@victim.test")) && shares.take(&post("https://other.test/")));
}
