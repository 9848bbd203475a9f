//! Senders with a place for the recipient (qmail-send(8), variable envelope return paths): from
//! `box-@host-@[]` the recipient `r@h` gets its mail as from `box-r=h@host`, so that a bounce of it
//! tells whom it is about.

use stafett_address::{from_program, to_program};

/// What a sender with a place for the recipient ends with.
const MARK: &str = "-@[]";

/// Whether each recipient has a sender of its own.
pub fn has_place(sender: &str) -> bool {
    split(sender).is_some()
}

/// The sender of a message to that recipient.
pub fn sender_for(sender: &str, recipient: &str) -> String {
    // Quotes belong around the whole local part.
    let (raw, recipient) = (to_program(sender), to_program(recipient));
    match (split(&raw), recipient.rsplit_once('@')) {
        (Some((base, host)), Some((user, domain))) => from_program(&format!("{base}{user}={domain}@{host}")).into_owned(),
        _ => sender.to_owned(),
    }
}

/// Who hears of the failures that this host finds: the sender without the place.
pub fn owner(sender: &str) -> &str {
    if has_place(sender) { sender.strip_suffix(MARK).unwrap_or(sender) } else { sender }
}

/// What stands before and after the place.
fn split(sender: &str) -> Option<(&str, &str)> {
    sender.strip_suffix(MARK)?.rsplit_once('@')
}

#[cfg(test)]
mod tests {
    use super::{has_place, owner, sender_for};

    #[test]
    fn the_recipient_goes_where_the_sender_has_a_place() {
        assert_eq!(sender_for("list-@example.org-@[]", "r@example.net"), "list-r=example.net@example.org");
        assert_eq!(sender_for("list-@example.org-@[]", "\"a@b\"@example.net"), "\"list-a@b=example.net\"@example.org");
        assert_eq!(sender_for("\"my list-\"@example.org-@[]", "r@example.net"), "\"my list-r=example.net\"@example.org");
        assert_eq!(owner("list-@example.org-@[]"), "list-@example.org");
    }

    #[test]
    fn other_senders_stay_as_they_are() {
        for sender in ["", "#@[]", "s@example.org", "-@[]", "x-@[]", "s@example.org-@[", "list-@example.org-@[] "] {
            assert!(!has_place(sender), "{sender}");
            assert_eq!((sender_for(sender, "r@example.net").as_str(), owner(sender)), (sender, sender));
        }
        assert_eq!(sender_for("list-@example.org-@[]", "local"), "list-@example.org-@[]");
    }
}
