//! A refusal in a filter's own words, made harmless.
//!
//! Security stance: the words reach a client as a reply. Only a code of 4xx or 5xx passes, the enhanced status is of the
//! same class, whatever is not printable becomes `?`, lines are bounded and counted. A filter that says something else
//! refuses for now: its words never turn into an acceptance.

/// Lines of a reply at most.
const MOST_LINES: usize = 20;
/// The longest line, in bytes.
const LONGEST_LINE: usize = 400;

/// A reply: the code, the enhanced status, and the words line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    status: String,
    lines: Vec<String>,
}

impl Reply {
    /// For a filter that refuses without words.
    pub fn rejected() -> Reply {
        Reply::ours(550, "command rejected by a mail filter")
    }

    /// For a filter that refuses for now without words.
    pub fn unavailable() -> Reply {
        Reply::ours(451, "refused by a mail filter for now, try again later")
    }

    /// For a filter that does not do its work.
    pub fn away(permanent: bool) -> Reply {
        Reply::ours(if permanent { 550 } else { 451 }, "a mail filter does not answer")
    }

    /// One that we give, with the general status of its class.
    pub fn ours(code: u16, words: &str) -> Reply {
        Reply { code, status: format!("{}.7.1", code / 100), lines: vec![words.to_owned()] }
    }

    /// Reads a filter's words: `550 5.7.1 no`, or several lines, each with its code. `%%` is `%`, as Sendmail has it.
    pub fn parse(text: &[u8]) -> Reply {
        let text = String::from_utf8_lossy(text).replace("%%", "%");
        let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r')).filter(|line| !line.is_empty());
        let Some((code, status, words)) = lines.next().and_then(first_line) else { return Reply::unavailable() };
        let mut reply = Reply { code, status, lines: vec![clean(words)] };
        for line in lines.take(MOST_LINES - 1) {
            let words = without_code(line, code);
            let own = words.strip_prefix(reply.status.as_str()).map_or(words, |rest| rest.trim_start_matches(' '));
            reply.lines.push(clean(own));
        }
        reply
    }

    /// Whether it is 5xx.
    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// As the answer to a question carries it: code, status and words; further lines behind LF.
    pub fn text(&self) -> String {
        format!("{} {} {}", self.code, self.status, self.lines.join("\n"))
    }
}

/// Code, enhanced status and words. 421 would mean that the server hangs up, which is not the filter's to say.
fn first_line(line: &str) -> Option<(u16, String, &str)> {
    let code: u16 = line.get(..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
    let code = if code == 421 { 451 } else { code };
    let words = line.get(3..)?;
    if !(400..600).contains(&code) || !(words.is_empty() || words.starts_with([' ', '-'])) {
        return None;
    }
    let words = words.trim_start_matches([' ', '-']);
    let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
    let class = code / 100;
    if is_status(first, class) { Some((code, first.to_owned(), rest)) } else { Some((code, format!("{class}.7.1"), words)) }
}

fn without_code(line: &str, code: u16) -> &str {
    let behind = line.strip_prefix(&code.to_string()).or_else(|| line.strip_prefix("421"));
    behind.filter(|rest| rest.starts_with([' ', '-'])).map_or(line, |rest| rest.trim_start_matches([' ', '-']))
}

/// RFC 3463 §2: three numbers, the first of which is the class of the code.
fn is_status(word: &str, class: u16) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(number) && parts.first().is_some_and(|first| *first == class.to_string())
}

fn clean(words: &str) -> String {
    let printable = |symbol: char| if symbol == ' ' || symbol.is_ascii_graphic() { symbol } else { '?' };
    let words: String = words.trim().chars().take(LONGEST_LINE).map(printable).collect();
    if words.is_empty() { "refused by a mail filter".to_owned() } else { words }
}
