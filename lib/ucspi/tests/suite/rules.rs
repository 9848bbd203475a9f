//! Which rule decides, and which sources are refused where.

use crate::common;

use stafett_ucspi::{Client, Rules, parse};

/// A client, and the key of the rule that must decide over it (`-` for none).
struct Case(&'static str, Option<&'static str>, Option<&'static str>, &'static str);

fn check(source: &str, cases: &[Case]) {
    let directory = tempfile::tempdir().unwrap();
    let cdb = directory.path().join("rules.cdb");
    common::compile(source, &cdb);
    let rules = Rules::open(&cdb).unwrap();
    for Case(ip, host, info, wanted) in cases {
        let client = Client { ip: ip.parse().unwrap(), host: *host, info: *info };
        let found = rules.look_up(&client).unwrap();
        let mark = found.map_or("-".to_owned(), |found| {
            let mark = found.instructions.variables.into_iter().find(|(name, _)| name == b"M");
            mark.map_or("unmarked".to_owned(), |(_, value)| String::from_utf8(value).unwrap())
        });
        assert_eq!(mark, *wanted, "{ip} {host:?} {info:?} with\n{source}");
    }
}

/// Rules that only carry a mark.
fn marked(rules: &[(&str, &str)]) -> String {
    rules.iter().map(|(address, mark)| format!("{address}:allow,M=\"{mark}\"\n")).collect()
}

#[test]
fn the_order_is_the_one_of_tcprules() {
    let all = [
        ("", "default"),
        ("=", "named"),
        ("=.example.com", "suffix"),
        ("10.1.", "prefix"),
        ("=A.example.com", "host"),
        ("10.1.2.3", "address"),
        ("joe@=a.example.com", "info at host"),
        ("joe@10.1.2.3", "info at address"),
    ];
    let client = ("10.1.2.3", Some("A.Example.COM"), Some("joe"));
    for count in 1..=all.len() {
        let Some((known, _)) = all.split_at_checked(count) else { continue };
        let (_, strongest) = known[count - 1];
        check(&marked(known), &[Case(client.0, client.1, client.2, strongest)]);
    }
}

#[test]
fn names_count_only_where_they_are_known() {
    let source = marked(&[("=", "named"), ("=.com", "com"), ("joe@10.1.2.3", "joe")]);
    check(
        &source,
        &[
            Case("10.1.2.3", None, None, "-"),
            Case("10.1.2.3", Some("a.org"), None, "named"),
            Case("10.1.2.3", Some("a.b.com"), Some("ann"), "com"),
            Case("10.1.2.3", None, Some("joe"), "joe"),
            Case("10.1.2.4", None, Some("joe"), "-"),
        ],
    );
}

#[test]
fn the_longest_prefix_wins_wherever_it_stands() {
    let source = marked(&[
        ("10.0.0.0/8", "8"),
        ("10.16.0.0/12", "12"),
        ("10.17.", "16"),
        ("10.17.254.0/23", "23"),
        ("10.17.254.0/24", "24"),
        ("10.17.254.128/25", "25"),
        ("10.17.254.200", "32"),
    ]);
    check(
        &source,
        &[
            Case("10.1.1.1", None, None, "8"),
            Case("10.31.255.255", None, None, "12"),
            Case("10.32.0.0", None, None, "8"),
            Case("10.17.1.1", None, None, "16"),
            Case("10.17.255.1", None, None, "23"),
            Case("10.17.254.1", None, None, "24"),
            Case("10.17.254.129", None, None, "25"),
            Case("10.17.254.200", None, None, "32"),
            Case("11.0.0.0", None, None, "-"),
        ],
    );
}

#[test]
fn networks_hold_at_their_borders() {
    check(
        &marked(&[("129.187.254.0/23", "in"), ("192.0.2.4/30", "four"), ("128.0.0.0/1", "half")]),
        &[
            Case("129.187.253.255", None, None, "half"),
            Case("129.187.254.0", None, None, "in"),
            Case("129.187.255.255", None, None, "in"),
            Case("129.188.0.0", None, None, "half"),
            Case("192.0.2.3", None, None, "half"),
            Case("192.0.2.4", None, None, "four"),
            Case("192.0.2.7", None, None, "four"),
            Case("192.0.2.8", None, None, "half"),
            Case("127.255.255.255", None, None, "-"),
        ],
    );
    check(&marked(&[("0.0.0.0/0", "v4"), ("::/0", "v6")]), &[Case("1.2.3.4", None, None, "v4"), Case("2001::", None, None, "v6")]);
}

#[test]
fn ipv6_by_address_network_and_groups() {
    let source = marked(&[
        ("2001:4CA0:0:103::/64", "64"),
        ("2001:4ca0::/33", "33"),
        ("2001:4ca0:0:103:0:0:0:1", "one"),
        ("fe80:", "groups"),
        ("joe@2001:db8:0::1", "joe"),
        ("::1", "loop"),
        ("::/0", "any"),
    ]);
    check(
        &source,
        &[
            Case("2001:4ca0:0:103::1", None, None, "one"),
            Case("2001:4ca0:0:103:ffff::", None, None, "64"),
            Case("2001:4ca0:0:104::", None, None, "33"),
            Case("2001:4ca0:8000::", None, None, "any"),
            Case("fe80::1", None, None, "groups"),
            Case("2001:db8::1", None, Some("joe"), "joe"),
            Case("2001:db8::1", None, Some("ann"), "any"),
            Case("::1", None, None, "loop"),
            Case("::ffff:10.1.1.1", None, None, "-"),
        ],
    );
}

#[test]
fn mapped_addresses_are_ipv4() {
    let source = marked(&[("::ffff:10.1.1.1", "one"), ("::ffff:10.2.0.0/112", "net"), ("10.3.", "dotted")]);
    check(
        &source,
        &[
            Case("10.1.1.1", None, None, "one"),
            Case("::ffff:10.1.1.1", None, None, "one"),
            Case("10.2.9.9", None, None, "net"),
            Case("::ffff:10.3.1.1", None, None, "dotted"),
        ],
    );
}

#[test]
fn the_first_of_two_equal_rules_counts() {
    check(
        &marked(&[("10.1.1.1", "first"), ("10.1.1.0-9", "range"), ("10.1.1.1", "second")]),
        &[Case("10.1.1.1", None, None, "first"), Case("10.1.1.2", None, None, "range")],
    );
}

#[test]
fn faults_are_named_by_line_and_column() {
    let cases: &[(&str, usize, usize, &str)] = &[
        (":allow\nnonsense\n", 2, 9, "expected `address:allow`"),
        ("10.1.1.1:permit\n", 1, 10, "expected `address:allow`"),
        ("\n# c\n10.1.1.1:allowed\n", 3, 15, "expected `,NAME="),
        ("10.1.1.1:allow,A\n", 1, 16, "needs `=`"),
        (":allow,A=\n", 1, 10, "without a value"),
        (":allow,A=\"x\n", 1, 11, "closing quote"),
        (":allow,=\"x\"\n", 1, 9, "without a name"),
        (":allow,A=\"x\" B=\"y\"\n", 1, 13, "expected `,NAME="),
        ("10.1:deny\n", 1, 1, "no client has this address"),
        ("10.1.1.1.:deny\n", 1, 1, "no client has this address"),
        ("10.256.:deny\n", 1, 4, "not a number from 0 to 255"),
        ("10.01.1.1:deny\n", 1, 4, "leading zeros"),
        ("mail.example:deny\n", 1, 1, "host names begin with `=`"),
        (" 10.1.1.1:deny\n", 1, 1, "a space"),
        ("10.1.1.1:deny\r\n", 1, 14, "carriage return"),
        ("10.1.1.9-3:deny\n", 1, 8, "the range is empty"),
        ("10.1.1.1-300:deny\n", 1, 10, "not a number"),
        ("10.1.1.0/33:deny\n", 1, 10, "not a prefix length from 0 to 32"),
        ("10.1/16:deny\n", 1, 1, "a whole IPv4 address"),
        ("2001:db8::/129:deny\n", 1, 12, "not a prefix length from 0 to 128"),
        ("2001:db8::g:deny\n", 1, 1, "not an IPv6 address"),
        ("joe@10.1.:deny\n", 1, 5, "one whole address"),
    ];
    for (source, line, column, words) in cases {
        let error = parse(source.as_bytes()).expect_err(source);
        assert_eq!((error.line, error.column), (*line, *column), "{source}: {error}");
        assert!(error.reason.contains(words), "{source}: {error}");
    }
}

#[test]
fn blank_lines_comments_and_trailing_blanks_are_no_rules() {
    let rules = parse(b"\n   \n# x\n10.:deny \t\n:allow,A=/b:c/,B=\"\"").unwrap();
    assert_eq!(rules.len(), 2);
    assert!(rules[0].instructions.deny);
    assert_eq!(rules[1].instructions.variables, [(b"A".to_vec(), b"b:c".to_vec()), (b"B".to_vec(), b"".to_vec())]);
}
