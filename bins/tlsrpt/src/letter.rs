//! The message that carries a report (RFC 8460 §5.3).

use std::time::SystemTime;

use stafett_message::date;

use crate::report::{Author, Report};

/// The digits of base64 (RFC 4648 §4).
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Bytes on a line: 76 digits.
const ON_A_LINE: usize = 57;

/// The message, with CRLF at the end of its lines. Nothing in it needs quoting: names and addresses are plain.
pub fn letter(author: &Author, report: &Report, zipped: &[u8], to: &str) -> String {
    let Author { me, address } = author;
    let Report { domain, day, id, .. } = report;
    let border = format!("=_tlsrpt_{}", day.begin());
    let file = report.file_name(author);
    let mut lines = vec![
        format!("From: <{address}>"),
        format!("To: <{to}>"),
        format!("Date: {}", date(SystemTime::now())),
        format!("Subject: Report Domain: {domain}"),
        format!(" Submitter: {me}"),
        format!(" Report-ID: <{id}@{me}>"),
        format!("Message-ID: <{id}@{me}>"),
        format!("TLS-Report-Domain: {domain}"),
        format!("TLS-Report-Submitter: {me}"),
        // RFC 8460 §3: what is wrong with TLS must not keep the report from those who can mend it; RFC 8689 §5.
        "TLS-Required: No".to_owned(),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: multipart/report; report-type=\"tlsrpt\";".to_owned(),
        format!(" boundary=\"{border}\""),
        String::new(),
        format!("--{border}"),
        "Content-Type: text/plain; charset=us-ascii".to_owned(),
        String::new(),
        format!("This is an aggregate report about TLS in SMTP from {me}"),
        format!("to the mail exchangers of {domain}, for {day} (UTC)."),
        String::new(),
        format!("--{border}"),
        "Content-Type: application/tlsrpt+gzip".to_owned(),
        "Content-Transfer-Encoding: base64".to_owned(),
        "Content-Disposition: attachment;".to_owned(),
        format!(" filename=\"{file}\""),
        String::new(),
    ];
    lines.extend(zipped.chunks(ON_A_LINE).map(base64));
    lines.extend([format!("--{border}--"), String::new()]);
    lines.join("\r\n")
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(76);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            let digit = DIGITS.get(index).filter(|_| place <= group.len());
            out.push(char::from(digit.copied().unwrap_or(b'=')));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn digits_are_those_of_the_standard() {
        for (bytes, digits) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), digits);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}
