//! A stafett-queued that keeps what it is given, for bounces.

use crate::common::Site;
use stafett_envelope::Envelope;
use stafett_wire::injector::Answer;
use stafett_wire::netstring::{self, Reader};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

/// A message that was brought.
#[derive(Clone, Debug)]
pub struct Brought {
    pub envelope: Envelope,
    pub text: String,
}

type Script = Box<dyn FnMut(&Brought) -> Option<Answer> + Send>;

#[derive(Clone)]
pub struct Queued {
    brought: Arc<Mutex<Vec<Brought>>>,
    script: Arc<Mutex<Script>>,
}

impl Queued {
    /// One that takes everything.
    pub fn willing(site: &Site) -> Queued {
        Queued::start(site, |_| Some(Answer::Accepted("1763758000123456".into())))
    }

    /// One that answers as the script says; `None` hangs up without an answer.
    pub fn start(site: &Site, script: impl FnMut(&Brought) -> Option<Answer> + Send + 'static) -> Queued {
        let path = site.path("run/queue/socket");
        let listener = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let queued = Queued { brought: Arc::default(), script: Arc::new(Mutex::new(Box::new(script))) };
        let its = queued.clone();
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                its.serve(&caller.unwrap());
            }
        });
        queued
    }

    pub fn brought(&self) -> Vec<Brought> {
        self.brought.lock().unwrap().clone()
    }

    fn serve(&self, caller: &UnixStream) {
        let (mut envelope, mut message) = (Vec::new(), Vec::new());
        let mut reader = Reader::new(caller, 70_000);
        while let Ok(Some(bytes)) = reader.next() {
            match bytes.split_first().unwrap() {
                (b'E', piece) => envelope.extend_from_slice(piece),
                (b'D', piece) => message.extend_from_slice(piece),
                _ => break,
            }
        }
        let brought = Brought { envelope: Envelope::parse(&envelope).unwrap(), text: String::from_utf8(message).unwrap() };
        let answer = (self.script.lock().unwrap())(&brought);
        self.brought.lock().unwrap().push(brought);
        if let Some(answer) = answer {
            let mut out = Vec::new();
            netstring::push(&mut out, &answer.encode());
            let mut caller = caller;
            let _ = caller.write_all(&out);
        }
    }
}
