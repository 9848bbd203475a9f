//! What the tests of the program share: an instance in a temporary directory, the service, and a name server that does as
//! it is told.

#![allow(dead_code)] // each test program uses its own part
#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::base::iana::{Rcode, Rtype};
use domain::base::name::ToName;
use domain::base::{Message, MessageBuilder, Name, Ttl};
use domain::rdata::{A, Aaaa, Mx, Ptr, Soa, Txt};
use stafett_ask::{Answer, ask};
use stafett_sys::user::Uid;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_stafett-dnsbl");
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Who serves when the test runs as root, which the program refuses.
const NOBODY: u32 = 65534;

/// What the name server does with a question.
#[derive(Clone, Debug)]
pub enum Act {
    Silence,
    Records(u32, Vec<Data>),
    /// NXDOMAIN with an SOA of this minimum.
    Absent(u32),
    Fail,
    /// The answer with these bytes in place of all behind the question.
    Behind(Vec<u8>),
    /// These bytes behind the right id.
    Raw(Vec<u8>),
    Truncated,
}

/// A record's data.
#[derive(Clone, Debug)]
pub enum Data {
    A(&'static str),
    Aaaa(&'static str),
    Txt(&'static str),
    Ptr(&'static str),
    Mx(&'static str),
}

pub fn listed() -> Act {
    Act::Records(3600, vec![Data::A("127.0.0.2")])
}

type Behaviour = Box<dyn Fn(&str, Rtype) -> Act + Send>;

/// A name server whose answers come from a function that can be changed.
#[derive(Clone)]
pub struct Names {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, Rtype)>>>,
    act: Arc<Mutex<Behaviour>>,
}

impl Names {
    pub fn new(act: impl Fn(&str, Rtype) -> Act + Send + 'static) -> Names {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let act: Behaviour = Box::new(act);
        let names = Names { address: socket.local_addr().unwrap(), asked: Arc::default(), act: Arc::new(Mutex::new(act)) };
        let server = names.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                let query = Message::from_octets(buffer[..length].to_vec()).unwrap();
                if let Some(reply) = server.answer(&query) {
                    let _ = socket.send_to(&reply, peer);
                }
            }
        });
        names
    }

    pub fn change(&self, act: impl Fn(&str, Rtype) -> Act + Send + 'static) {
        *self.act.lock().unwrap() = Box::new(act);
    }

    /// What has been asked, with names in lower case.
    pub fn asked(&self) -> Vec<(String, Rtype)> {
        self.asked.lock().unwrap().clone()
    }

    fn answer(&self, query: &Message<Vec<u8>>) -> Option<Vec<u8>> {
        let question = query.sole_question().unwrap();
        let owner: Name<Vec<u8>> = question.qname().to_name();
        let name = owner.to_string().to_lowercase();
        self.asked.lock().unwrap().push((name.clone(), question.qtype()));
        let act = self.act.lock().unwrap()(&name, question.qtype());
        match act {
            Act::Silence => None,
            Act::Records(ttl, data) => Some(records(query, &owner, ttl, &data)),
            Act::Absent(minimum) => Some(absent(query, minimum)),
            Act::Fail => Some(MessageBuilder::new_vec().start_answer(query, Rcode::SERVFAIL).unwrap().finish()),
            Act::Behind(bytes) => {
                let mut reply = MessageBuilder::new_vec().start_answer(query, Rcode::NOERROR).unwrap().finish();
                reply[7] = 1;
                reply.extend(bytes);
                Some(reply)
            }
            Act::Raw(bytes) => Some([&query.as_slice()[..2], &bytes[..]].concat()),
            Act::Truncated => {
                let mut reply = MessageBuilder::new_vec().start_answer(query, Rcode::NOERROR).unwrap();
                reply.header_mut().set_tc(true);
                Some(reply.finish())
            }
        }
    }
}

fn name(text: &str) -> Name<Vec<u8>> {
    text.parse().unwrap()
}

fn records(query: &Message<Vec<u8>>, owner: &Name<Vec<u8>>, ttl: u32, data: &[Data]) -> Vec<u8> {
    let mut answer = MessageBuilder::new_vec().start_answer(query, Rcode::NOERROR).unwrap();
    let ttl = Ttl::from_secs(ttl);
    for one in data {
        match one {
            Data::A(address) => answer.push((owner, ttl, A::new(address.parse().unwrap()))),
            Data::Aaaa(address) => answer.push((owner, ttl, Aaaa::new(address.parse().unwrap()))),
            Data::Txt(text) => answer.push((owner, ttl, Txt::<Vec<u8>>::build_from_slice(text.as_bytes()).unwrap())),
            Data::Ptr(host) => answer.push((owner, ttl, Ptr::new(name(host)))),
            Data::Mx(host) => answer.push((owner, ttl, Mx::new(0, if *host == "." { Name::root_vec() } else { name(host) }))),
        }
        .unwrap();
    }
    answer.finish()
}

fn absent(query: &Message<Vec<u8>>, minimum: u32) -> Vec<u8> {
    let mut authority = MessageBuilder::new_vec().start_answer(query, Rcode::NXDOMAIN).unwrap().authority();
    let times = Ttl::from_secs(3600);
    let soa = Soa::new(name("ns.example"), name("host.example"), 1.into(), times, times, times, Ttl::from_secs(minimum));
    authority.push((name("example"), times, soa)).unwrap();
    authority.finish()
}

/// An instance, and perhaps its service.
pub struct Instance {
    pub directory: tempfile::TempDir,
    child: Option<Child>,
}

impl Instance {
    pub fn new(resolver: SocketAddr, files: &[(&str, &str)]) -> Instance {
        let directory = tempfile::tempdir().unwrap();
        for path in ["control", "run/dnsbl", "run/smtpd"] {
            fs::create_dir_all(directory.path().join(path)).unwrap();
        }
        let instance = Instance { directory, child: None };
        instance.control("resolvers", &format!("{resolver}\n"));
        files.iter().for_each(|(name, content)| instance.control(name, content));
        instance
    }

    pub fn started(resolver: SocketAddr, files: &[(&str, &str)]) -> Instance {
        let mut instance = Instance::new(resolver, files);
        let mut command = instance.command();
        let log = fs::File::create(instance.path("log")).unwrap();
        command.arg("--resident").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        instance.child = Some(command.spawn().unwrap());
        instance.expect_log("status: ready");
        instance
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a control file, in one step as an editor does: one that is found empty is a file too.
    pub fn control(&self, name: &str, content: &str) {
        fs::write(self.path("control/.new"), content).unwrap();
        fs::rename(self.path("control/.new"), self.path("control").join(name)).unwrap();
    }

    /// The program as an ordinary user.
    fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        if Uid::effective().is_root() {
            let copy = self.path("stafett-dnsbl");
            // By a process of its own: what another test's thread forks would hold a file that is written here, and it could not be run.
            assert!(Command::new("install").args(["-m", "755"]).arg(PROGRAM).arg(&copy).status().unwrap().success());
            for path in ["", "control", "run", "run/dnsbl", "run/smtpd"] {
                chown(self.path(path), Some(NOBODY), Some(NOBODY)).unwrap();
            }
            command = Command::new(copy);
            command.uid(NOBODY).gid(NOBODY);
        }
        command.env_clear().env("STAFETT", self.directory.path());
        command
    }

    /// Asks the service.
    pub fn ask(&self, question: &[&str]) -> Answer {
        let fields: Vec<&[u8]> = question.iter().map(|field| field.as_bytes()).collect();
        ask(&self.path("run/dnsbl/socket"), &fields, None, PATIENCE).unwrap()
    }

    /// What is found of one part: letter, rule, text.
    pub fn look(&self, ip: &str, helo: &str, sender: &str, part: &str) -> (String, String, String) {
        let answer = self.ask(&["look", ip, helo, sender, part]);
        let field = |index| answer.field(index).unwrap_or_else(|| panic!("{answer:?}"));
        assert_eq!((answer.fields.len(), field(0)), (4, part.to_owned()), "{answer:?}");
        (field(1), field(2), field(3))
    }

    /// The lists of addresses about a client.
    pub fn client(&self, ip: &str) -> (String, String, String) {
        self.look(ip, "", "", "client")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn expect_log(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "no \"{text}\" in\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn pid(&self) -> i32 {
        self.child.as_ref().unwrap().id().cast_signed()
    }

    /// Waits for the service's end.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.as_mut().unwrap().wait().unwrap().code()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Three texts.
pub fn found(letter: &str, rule: &str, text: &str) -> (String, String, String) {
    (letter.to_owned(), rule.to_owned(), text.to_owned())
}
