//! Rows: what completes the addresses of mail that is written on this host.

use crate::form::{Form, Setting};

/// Behind an address without a host.
pub static DEFAULTHOST: Setting = Setting {
    name: "defaulthost",
    form: Form::Host,
    default: "me",
    readers: &["inject", "aliases", "dot"],
    text: "The host that stafett-inject, sendmail and newaliases add to an address that has none; where it has no dot itself, defaultdomain is added to it. The variable QMAILDEFAULTHOST goes before it.",
    example: "example.org",
};
/// Behind a host without a dot.
pub static DEFAULTDOMAIN: Setting = Setting {
    name: "defaultdomain",
    form: Form::Host,
    default: "me",
    readers: &["inject", "aliases", "dot"],
    text: "The domain that stafett-inject, sendmail and newaliases add to a host name without a dot. The variable QMAILDEFAULTDOMAIN goes before it.",
    example: "example.org",
};
/// Behind a host that ends in a plus sign.
pub static PLUSDOMAIN: Setting = Setting {
    name: "plusdomain",
    form: Form::Host,
    default: "me",
    readers: &["inject", "aliases", "dot"],
    text: "The domain that stafett-inject, sendmail and newaliases put in the place of a plus sign at the end of a host name. The variable QMAILPLUSDOMAIN goes before it.",
    example: "example.org",
};
/// Behind the @ of a message id.
pub static IDHOST: Setting = Setting {
    name: "idhost",
    form: Form::Host,
    default: "me",
    readers: &["inject"],
    text: "The host in the Message-ID that stafett-inject and sendmail give to a message without one; no two hosts may have the same. The variable QMAILIDHOST goes before it.",
    example: "attic.example.org",
};
