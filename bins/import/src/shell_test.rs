use super::{Piece, parse};

fn words(script: &str) -> Vec<Vec<String>> {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Variable(name) => format!("<${name}>"),
        Piece::Output(command) => format!("<`{command}>"),
    };
    let word = |word: &Vec<Piece>| word.iter().map(piece).collect::<String>();
    parse(script).iter().map(|command| command.words.iter().map(word).collect()).collect()
}

#[test]
fn a_script_falls_into_commands_and_words() {
    let script = "#!/bin/sh\nA=`cat /etc/me` # here\nexec 2>&1\nexec softlimit -m 1000 \\\n  tcpserver -l \"$A x\" -c \"${MAX}\" 0 'smtp' prog $(id -u x) </dev/null\n";
    assert_eq!(
        words(script),
        [
            vec!["A=<`cat /etc/me>"],
            vec!["exec"],
            vec!["exec", "softlimit", "-m", "1000", "tcpserver", "-l", "<$A> x", "-c", "<$MAX>", "0", "smtp", "prog", "<`id -u x>"],
        ]
    );
    assert_eq!(words("a \"\" '' \\\"\\$x \"\\\"\\a\""), [vec!["a", "", "", "\"$x", "\"\\a"]]);
}

#[test]
fn lines_and_conditions_are_kept() {
    let script = "x=1\nif [ -z \"$x\" ]; then\n  echo no\n  exit 1\nfi\n[ -f /a ] && b=2\nc\n";
    let commands = parse(script);
    let shape: Vec<_> = commands.iter().map(|command| (command.line, command.is_conditional, command.words.len())).collect();
    assert_eq!(shape, [(1, false, 1), (2, true, 4), (3, true, 2), (4, true, 2), (6, false, 4), (6, true, 1), (7, false, 1)]);
}

#[test]
fn torn_scripts_end() {
    for torn in ["'", "\"", "`", "$(", "${", "\\", "a >", "if", "$", "a &&"] {
        parse(torn);
    }
}
