//! The fuzz targets: one function per parser that strangers or other processes reach.
//!
//! What: each takes any bytes, and panics where the parser breaks a promise: it must not panic itself, must not depend on
//! how its input was cut, and what it took must come back as the same when it is written and read again.
//! `fuzz_targets/` wraps each for libFuzzer, `tests/driver.rs` runs each for a moment on stable Rust.

mod addresses;
mod files;
mod milter;
mod reception;
mod smtp;
mod spf;
mod wires;

pub use addresses::{address, dns_message};
pub use files::{journal, queue_entry, rules, rules_table};
pub use milter::milter_answers;
pub use reception::{ask_answer, block_list, proxy_header, xclient_line};
pub use smtp::{data_decoder, data_encoder, reply, smtp_command};
pub use spf::spf_record;
pub use wires::{envelope, netstrings, packets};

/// A target and inputs to begin with.
pub struct Target {
    /// Its name, that of the file in fuzz_targets/.
    pub name: &'static str,
    /// The target.
    pub run: fn(&[u8]),
    /// Inputs that it takes, and pieces of inputs.
    pub seeds: &'static [&'static [u8]],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "smtp_command",
        run: smtp_command,
        seeds: &[
            b"MAIL FROM:<@a.example,@[127.0.0.1]:\"q \\\" x\"@b.example> SIZE=10 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B",
            b"RCPT TO:<a@xn--bcher-kva.example.> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c",
            "rcpt to: ä@bücher。example ORCPT=utf-8;ä@c".as_bytes(),
            b"MAIL FROM:<>",
            b"BDAT 18446744073709551615 LAST",
            b"EHLO [IPv6:::ffff:192.0.2.1]",
            b"STARTTLS",
        ],
    },
    Target { name: "data_decoder", run: data_decoder, seeds: DATA },
    Target { name: "data_encoder", run: data_encoder, seeds: DATA },
    Target {
        name: "reply",
        run: reply,
        seeds: &[
            b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-AUTH=LOGIN PLAIN\r\n250 DSN\r\n",
            b"550-5.1.1 no such user\r\n550 5.1.1 ask\r\n",
            b"354\n",
            b"421 4.3.2 bye\r\n250 2.0.0 ok\r\n",
        ],
    },
    Target {
        name: "netstrings",
        run: netstrings,
        seeds: &[b"3:abc,0:,", b"12:hello world!,", b"0000000001:a,", b"99999999999:", b"4:5:ab,,"],
    },
    Target {
        name: "packets",
        run: packets,
        seeds: &[
            b"1:7,16:1763758000123456,2:10,9:from a\nto,",
            b"1:7,1:m,1:+,13:K250 accepted,5:Z451 ,",
            b"1:S,1:1,4:4242,",
            b"2:mx,11:example.org,2:25,",
            b"K1763758000123456",
        ],
    },
    Target {
        name: "envelope",
        run: envelope,
        seeds: &[
            b"from a@b.example\nbody 8BITMIME\nsmtputf8 yes\nret HDRS\nenvid Q+2B\norigin smtp 192.0.2.1 c\nuid 100\n",
            b"head Received: from x\nhead-id \tby y id \0; now\nto c@d.example\nnotify NEVER\norcpt rfc822;c@d\nto e@f\n",
            b"from \n",
        ],
    },
    Target {
        name: "queue_entry",
        run: queue_entry,
        seeds: &[
            b"stafett-queue 1\nid 1763758000123456\nfrom a@b\nto c@d\ncommit 73 0badc0de\n1763758001 0 Z later\n1763758002 0 K ok\n",
            b"commit 0 0\n",
        ],
    },
    Target { name: "journal", run: journal, seeds: &[b"1763758001 0 Z later\n", b"1763758002 1 K ok\n1763758003 1 D no\n", b"1 2 B \n", b"x"] },
    Target {
        name: "rules",
        run: rules,
        seeds: &[
            b"127.:allow,RELAYCLIENT=\"\"\n10.0.0.1-22:deny\n192.0.2.0/25:allow,A=/b c/,B=\"x\"\n",
            b"2001:db8::/32:allow\n::ffff:192.0.2.0/120:deny\n2001:db8:1::allow\n",
            b"=mail.Example.org:allow\n=.example:deny\n=:allow\n:allow\njoe@192.0.2.7:deny\njoe@=host:allow\n# x\n",
        ],
    },
    Target { name: "rules_table", run: rules_table, seeds: &[b"D\0", b"+RELAYCLIENT=\0", b"+A=b\0D\0", b"127."] },
    Target {
        name: "dns_message",
        run: dns_message,
        seeds: &[
            b"\0\0\x81\x80\0\x01\0\x01\0\0\0\0\x07example\x03org\0\0\x0f\0\x01\xc0\x0c\0\x0f\0\x01\0\0\0\x3c\0\x09\0\x0a\x04mail\xc0\x0c",
            b"\0\0\x81\x83\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x0f\0\x01",
            b"\0\0\x81\x80\0\x01\0\x02\0\0\0\0\x07example\x03org\0\0\x01\0\x01\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01w\xc0\x0c\xc0\x29\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01",
        ],
    },
    Target {
        name: "address",
        run: address,
        seeds: &[
            b"<a@b.example>",
            b"\"a b\\\"\"@[192.0.2.1]",
            b"<@a.example,@b.example:c@[IPv6:2001:db8::1]> SIZE=1",
            "ß@straße.example。".as_bytes(),
            b"a%b!c@0x7f.1",
            b"postmaster",
        ],
    },
    Target {
        name: "proxy_header",
        run: proxy_header,
        seeds: &[
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 25\r\n",
            b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 1000 25\r\nEHLO x\r\n",
            b"PROXY UNKNOWN\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x03\xe8\0\x19",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24 \x01\x0d\xb8aaaaaaaaaaaabbbbbbbbbbbbbbbb\x03\xe8\0\x19EHLO",
            b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
        ],
    },
    Target {
        name: "xclient_line",
        run: xclient_line,
        seeds: &[
            b"XCLIENT ADDR=192.0.2.1 PORT=1000 NAME=mail.example.org HELO=x PROTO=ESMTP LOGIN=[UNAVAILABLE]",
            b"xclient addr=IPV6:2001:db8::1 name=[TEMPUNAVAIL] destaddr=192.0.2.2 destport=25",
            b"XCLIENT ADDR=+31+39+32.0.2.1 NAME=+C3+A4.example",
        ],
    },
    Target {
        name: "milter_answers",
        run: milter_answers,
        seeds: &[
            b"\x01\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff",
            b"\x02\0\0\0\x01c\0\0\0\x13y550 5.7.1 go%%away\0",
            b"\x03\0\0\0\x14y421-4.7.0 a\n450 x\r\n\0\0\0\0\x01p\0\0\0\x01t",
            b"\x04\0\0\0\x08hX-A\0b\0\0\0\0\x0ci\0\0\0\x01X-A\0b\0\0\0\0\x0bm\0\0\0\x01Subj\0\0",
            b"\x05\0\0\0\x08+<a@b>\0\0\0\0\x152<a@b>\0NOTIFY=NEVER\0\0\0\0\x08e<c@d>\0\0\0\0\x05qodd\0\0\0\0\x03bxy",
        ],
    },
    Target { name: "ask_answer", run: ask_answer, seeds: &[b"1:K,0:,", b"1:Z,4:text,3:one,0:,", b"1:D,2:\xc3\xa4,1:\xff,"] },
    Target {
        name: "spf_record",
        run: spf_record,
        seeds: &[
            b"v=spf1 +a/24//64 -mx:b.example ~include:%{ir}.%{v}._spf.%{d2} ?ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
            b"v=spf1 ptr exists:%{l1r+-/,_=}.x.example redirect=_spf.example exp=why.%{d} odd=%%%_%-",
            b"v=spf1",
        ],
    },
    Target {
        name: "block_list",
        run: block_list,
        seeds: &[b"-Zen.example.org:see http://x/%IP%", b"+allow.example", b"list.example=-5", b"-a.example=1000:text"],
    },
];

const DATA: &[&[u8]] = &[b"a\r\n.\r\n", b"..\r\n.x\r\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\r\n", b"\r\n.\r\r\n", b"text", b"\0", b".", b"\r\n"];
