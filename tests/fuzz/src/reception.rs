//! What clients, those in front of them, and the services of reception say.

use stafett_ask::Answer;
use stafett_control::form::blocklist::BlockList;
use stafett_reception::front::proxy::{self, Header};
use stafett_reception::front::xclient;

/// The PROXY header: nothing behind it is read, less of it is not enough, and what is wrong stays wrong.
pub fn proxy_header(bytes: &[u8]) {
    match proxy::parse(bytes) {
        Ok(Some((header, length))) => {
            let (own, _) = bytes.split_at(length);
            assert_eq!(proxy::parse(own), Ok(Some((header.clone(), length))), "{bytes:?}");
            for cut in [0, 1, length / 2, length - 1] {
                assert_eq!(proxy::parse(&own[..cut]), Ok(None), "{cut} of {bytes:?}");
            }
            if let Header::Client(who) = header {
                assert!(who.ip.is_some_and(|ip| !ip.is_unspecified() && ip == ip.to_canonical()), "{who:?}");
            }
        }
        Ok(None) => assert!(bytes.len() < 5000, "{} bytes are not enough", bytes.len()),
        Err(fault) => assert_eq!(proxy::parse(&[bytes, b"\r\n"].concat()), Err(fault), "{bytes:?}"),
    }
}

/// XCLIENT: who is introduced can be named in a log and in a header field.
pub fn xclient_line(bytes: &[u8]) {
    let Some(Ok(who)) = xclient::of(bytes).map(xclient::parse) else { return };
    assert!(who.host.iter().all(|host| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic())), "{who:?}");
    assert!(who.ip.is_none_or(|ip| !ip.is_unspecified() && ip == ip.to_canonical()), "{who:?}");
}

/// The answer of a service.
pub fn ask_answer(bytes: &[u8]) {
    let Ok(answer) = Answer::parse(bytes) else { return };
    assert_eq!(Answer::parse(&answer.encode()), Ok(answer), "{bytes:?}");
}

/// A line of control/dnsbllist or rhsbllist: a zone that can be asked.
pub fn block_list(bytes: &[u8]) {
    let Some(list) = std::str::from_utf8(bytes).ok().and_then(|line| BlockList::parse(line).ok()) else { return };
    assert!(!list.zone.is_empty() && list.zone.is_ascii() && list.zone == list.zone.to_ascii_lowercase(), "{list:?}");
    assert!(BlockList::parse(&list.zone).is_ok_and(|again| again.zone == list.zone), "{list:?}");
    assert!(list.text.is_none_or(|text| !text.is_empty()));
}
