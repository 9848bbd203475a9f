//! What lines of block lists mean.

use super::{BlockList, Hit, block_list};

fn list(zone: &str, hit: Hit, text: Option<&str>) -> Result<BlockList, String> {
    Ok(BlockList { zone: zone.to_owned(), hit, text: text.map(str::to_owned) })
}

#[test]
fn lines_and_what_they_mean() {
    assert_eq!(BlockList::parse("Zen.Example"), list("zen.example", Hit::Refuse { permanent: false }, None));
    assert_eq!(BlockList::parse("-zen.example"), list("zen.example", Hit::Refuse { permanent: true }, None));
    assert_eq!(BlockList::parse("+dnswl.example"), list("dnswl.example", Hit::Accept, None));
    let text = Some("Blocked, see http://zen.example/?%IP%");
    let refuse = Hit::Refuse { permanent: false };
    assert_eq!(BlockList::parse("zen.example:Blocked, see http://zen.example/?%IP%"), list("zen.example", refuse, text));
    assert_eq!(BlockList::parse("zen.example=2"), list("zen.example", Hit::Weigh { weight: 2, permanent: false }, None));
    assert_eq!(BlockList::parse("-z.example=3:no"), list("z.example", Hit::Weigh { weight: 3, permanent: true }, Some("no")));
    assert_eq!(BlockList::parse("good.example=-5"), list("good.example", Hit::Weigh { weight: -5, permanent: false }, None));
}

#[test]
fn slips_are_told() {
    for line in [
        "",
        "+",
        "-",
        "two words",
        "a..b",
        "zone=",
        "zone=0",
        "zone=many",
        "zone=1001",
        "+zone=1",
        "+zone:text",
        "=2",
        "--zone",
        "zone\u{200d}",
    ] {
        let reason = block_list(line);
        assert!(reason.as_ref().is_err_and(|reason| reason.starts_with('"') && reason.contains("; write")), "{line}: {reason:?}");
    }
}
