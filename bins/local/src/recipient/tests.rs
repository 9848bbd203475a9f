//! What the tests of this room share.

use super::{Content, Delivery};
use stafett_envelope::Envelope;
use stafett_local_users::{Breaks, Owner};
use stafett_sys::user::{Gid, Uid};
use std::path::{Path, PathBuf};

/// A delivery of an empty message to joe, with this extension, in this home.
pub fn delivery(envelope: Envelope, home: &Path, ext: &str) -> Delivery {
    let dash = if ext.is_empty() { "" } else { "-" };
    let owner = Owner {
        user: "joe".to_owned(),
        uid: Uid::effective(),
        gid: Gid::effective(),
        home: home.to_owned(),
        dash: dash.to_owned(),
        ext: ext.to_owned(),
    };
    let null = std::fs::File::open("/dev/null").unwrap();
    Delivery {
        owner,
        local: format!("joe{dash}{ext}"),
        host: "here.test".to_owned(),
        envelope,
        content: Content::new(std::iter::empty(), null.into(), 0),
        default_delivery: String::new(),
        breaks: Breaks::default(),
        root: PathBuf::from("/"),
        report: None,
    }
}
