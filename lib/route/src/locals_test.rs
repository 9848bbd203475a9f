use super::{Locals, Place};

fn locals() -> Locals {
    let mut locals = Locals::new("host.example", '-');
    locals.insert("Host.example");
    locals.insert("both.example");
    for (key, prepend) in [
        ("virtual.example", "v"),
        ("both.example", "v"),
        ("Sales@virtual.example", "joe-s"),
        ("joe doe@virtual.example", "jd"),
        (".sub.example", "s"),
        ("out.sub.example", ""),
    ] {
        locals.insert_virtual(key, prepend);
    }
    locals.insert_percent("host.example");
    locals
}

fn here(address: &str) -> String {
    match locals().place(address) {
        Place::Here(address) => format!("here {address}"),
        Place::Elsewhere(address) => format!("elsewhere {address}"),
    }
}

#[test]
fn addresses_are_placed_as_qmail_does() {
    for (address, wanted) in [
        ("Joe@HOST.example", "here Joe@HOST.example"),
        ("joe", "here joe@host.example"),
        ("\"joe doe\"@host.example", "here joe doe@host.example"),
        ("\"joe poe\"@virtual.example", "here v-joe poe@virtual.example"),
        ("\"joe doe\"@virtual.example", "here jd-joe doe@virtual.example"),
        ("\"joe doe\"@b.net", "elsewhere \"joe doe\"@b.net"),
        ("joe@both.example", "here joe@both.example"),
        ("a@virtual.example", "here v-a@virtual.example"),
        ("SALES@virtual.example", "here joe-s-SALES@virtual.example"),
        ("a@x.sub.example", "here s-a@x.sub.example"),
        ("a@sub.example", "elsewhere a@sub.example"),
        ("a@out.sub.example", "elsewhere a@out.sub.example"),
        ("a@b.net", "elsewhere a@b.net"),
        ("a%b.net@host.example", "elsewhere a@b.net"),
        ("a%virtual.example%host.example@host.example", "here v-a@virtual.example"),
        ("a%b@b.net", "elsewhere a%b@b.net"),
        ("\"a%b.net\"@host.example", "elsewhere a@b.net"),
        ("\"a b%b.net\"@host.example", "elsewhere \"a b\"@b.net"),
    ] {
        assert_eq!(here(address), wanted, "{address}");
    }
}

#[test]
fn all_others_may_be_of_a_user() {
    let mut locals = Locals::new("host.example", '+');
    locals.insert_virtual("", "all");
    locals.insert_virtual("b.net", "");
    assert_eq!(locals.place("a@x.org"), Place::Here("all+a@x.org".into()));
    assert_eq!(locals.place("a@b.net"), Place::Elsewhere("a@b.net".into()));
    assert!(Locals::default().are_none());
}
