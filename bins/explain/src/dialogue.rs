//! The dialogue of the described client, led through the code of smtpd.

use crate::options;
use crate::voice::Listener;
use stafett_reception::client::Client;
use stafett_reception::dialogue::{Dialogue, Step};
use stafett_reception::policy::Policy;
use stafett_reception::session::Tls;
use stafett_reception::settings::Settings;
use stafett_smtp::Reply;

/// Leads it; whether everything was accepted.
pub fn lead(settings: &Settings, client: &Client, described: &options::Client, listener: &mut dyn Listener) -> bool {
    let policy = Policy { settings, client };
    let mut dialogue: Dialogue<'_, ()> = Dialogue::new(policy);
    if let Err(refusal) = dialogue.open(listener) {
        listener.refusal(&refusal);
        return false;
    }
    if described.tls {
        listener.remark("the connection is under TLS");
        dialogue.secured(Tls { fingerprint: described.certificate.as_deref().map(str::to_ascii_lowercase), ..Tls::default() });
    }
    listener.reply(&Reply::plain(220, settings.greeting.clone()));
    let size = described.size.map(|size| format!(" SIZE={size}")).unwrap_or_default();
    let utf8 = if [&described.from].into_iter().chain(&described.to).all(|address| address.is_ascii()) { "" } else { " SMTPUTF8" };
    if !say(&mut dialogue, &format!("EHLO {}", described.helo), listener) {
        return false;
    }
    if let Some(account) = &described.account {
        listener.command(&format!("AUTH as {account}"));
        let step = dialogue.suppose(account, listener);
        if !hear(step, listener) {
            return false;
        }
        tell_account(&dialogue, listener);
    }
    if !say(&mut dialogue, &format!("MAIL FROM:<{}>{size}{utf8}", described.from), listener) {
        return false;
    }
    let mut accepted = true;
    for recipient in &described.to {
        accepted &= say(&mut dialogue, &format!("RCPT TO:<{recipient}>"), listener);
    }
    if accepted && !described.to.is_empty() && dialogue.judges_open() {
        listener.remark("the message itself will be judged before it is accepted");
    }
    accepted
}

fn say(dialogue: &mut Dialogue<'_, ()>, line: &str, listener: &mut dyn Listener) -> bool {
    listener.command(line);
    let step = dialogue.serve(line.as_bytes(), listener);
    hear(step, listener)
}

fn tell_account(dialogue: &Dialogue<'_, ()>, listener: &mut dyn Listener) {
    let Some(account) = dialogue.account() else { return };
    let senders: Vec<String> = account.senders.iter().map(ToString::to_string).collect();
    listener.remark(&format!("{} is a {} that may send from {}", account.name, account.role.word(), senders.join(", ")));
}

fn hear(step: Step<()>, listener: &mut dyn Listener) -> bool {
    match step {
        Step::Refuse(refusal) | Step::RefuseLate(refusal, _) => {
            listener.refusal(&refusal);
            false
        }
        Step::Say(reply) | Step::End(reply) | Step::Skip(_, reply) => {
            listener.reply(&reply);
            !reply.is_failure()
        }
        Step::Authenticated { reply, .. } => {
            listener.reply(&reply);
            true
        }
        Step::Receive(_) | Step::Chunk { .. } | Step::Replace(_) | Step::StartTls(_) => true,
    }
}
