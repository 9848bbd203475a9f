//! The next host: an SMTP server that keeps what it is given and misbehaves as it is told.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// Where a conversation has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client has connected.
    Greeting,
    /// EHLO.
    Ehlo,
    /// HELO.
    Helo,
    /// MAIL, with the whole line.
    Mail(String),
    /// RCPT, with the whole line.
    Rcpt(String),
    /// DATA, before the message.
    Data,
    /// The final dot, with the message.
    Dot(Vec<u8>),
    /// QUIT.
    Quit,
    /// Anything else, with the whole line.
    Other(String),
}

/// What the sink does at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Says yes in the usual words.
    Accept,
    /// Says this instead (whole lines without the last CRLF).
    Say(String),
    /// Says nothing for this long, then yes.
    Wait(Duration),
    /// Says nothing any more.
    Hang,
    /// Hangs up.
    Vanish,
    /// Says this and hangs up.
    Last(String),
}

/// A message that was taken.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The number of the connection, from 1.
    pub connection: usize,
    /// The parameter of MAIL FROM, from the first `<` on.
    pub mail: String,
    /// Those of RCPT TO.
    pub rcpts: Vec<String>,
    /// The message, unstuffed.
    pub data: Vec<u8>,
    /// When its final dot was answered.
    pub when: Instant,
}

/// What a sink has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Messages that were taken.
    pub arrived: Vec<Arrived>,
    /// Connections so far.
    pub connections: usize,
    /// Connections at this moment.
    pub open: usize,
    /// The largest number of connections at one moment.
    pub most_open: usize,
    /// Every command, with the number of its connection.
    pub commands: Vec<(usize, String)>,
    stopped: bool,
}

type Script = dyn Fn(&Step, usize) -> Act + Send + Sync;

struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
    script: Mutex<Arc<Script>>,
    streams: Mutex<HashMap<usize, TcpStream>>,
}

/// A server on a port of its own; it ends when dropped.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Sink {
    /// One that takes everything.
    pub fn new() -> Sink {
        Sink::scripted(|_, _| Act::Accept)
    }

    /// One that asks `script` at every step; the number is that of the connection, from 1.
    pub fn scripted(script: impl Fn(&Step, usize) -> Act + Send + Sync + 'static) -> Sink {
        Sink::at(([127, 0, 0, 1], 0).into(), script)
    }

    /// One on this address.
    pub fn at(address: SocketAddr, script: impl Fn(&Step, usize) -> Act + Send + Sync + 'static) -> Sink {
        Sink::on(TcpListener::bind(address).unwrap_or_else(|error| panic!("unable to listen on {address}: {error}")), script)
    }

    /// One on a socket that listens already.
    pub fn on(listener: TcpListener, script: impl Fn(&Step, usize) -> Act + Send + Sync + 'static) -> Sink {
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            changed: Condvar::new(),
            script: Mutex::new(Arc::new(script)),
            streams: Mutex::default(),
        });
        let sink = Sink { address: listener.local_addr().unwrap(), shared: shared.clone() };
        thread::spawn(move || accept(&listener, &shared));
        sink
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The line for smtproutes that sends everything here.
    pub fn route(&self) -> String {
        match self.address {
            SocketAddr::V4(address) => format!(":{}:{}\n", address.ip(), address.port()),
            SocketAddr::V6(address) => format!(":[{}]:{}\n", address.ip(), address.port()),
        }
    }

    /// Gives it another script, from the next step on.
    pub fn now(&self, script: impl Fn(&Step, usize) -> Act + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Arc::new(script);
    }

    /// What it has seen.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap()
    }

    /// Waits until `done` holds, at most `seconds`; says whether it does.
    pub fn wait(&self, seconds: u64, mut done: impl FnMut(&Seen) -> bool) -> bool {
        let seen = self.seen();
        let limit = Duration::from_secs(seconds);
        !self.shared.changed.wait_timeout_while(seen, limit, |seen| !done(seen)).unwrap().1.timed_out()
    }

    /// The messages, once there are `count`; panics when they do not come within `seconds`.
    #[track_caller]
    pub fn messages(&self, count: usize, seconds: u64) -> Vec<Arrived> {
        let came = self.wait(seconds, |seen| seen.arrived.len() >= count);
        let arrived = self.seen().arrived.clone();
        assert!(came, "only {} of {count} messages have arrived at port {}", arrived.len(), self.port());
        arrived
    }
}

impl Default for Sink {
    fn default() -> Sink {
        Sink::new()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.seen().stopped = true;
        let _ = TcpStream::connect(self.address);
        for stream in self.shared.streams.lock().unwrap().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Arrived {
    /// The message without the header fields that relays put in front (Received, with their continuation lines).
    pub fn without_trace(&self) -> Vec<u8> {
        let mut rest = &self.data[..];
        let mut inside = false;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..=end];
            let continues = inside && (line.starts_with(b" ") || line.starts_with(b"\t"));
            inside = continues || line.starts_with(b"Received: ");
            if !inside {
                break;
            }
            rest = &rest[end + 1..];
        }
        rest.to_vec()
    }

    /// The value of the first field of this name, unfolded.
    pub fn field(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.data).replace("\r\n\t", " ").replace("\r\n ", " ");
        let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
        let prefix = format!("{}:", name.to_ascii_lowercase());
        head.split("\r\n").find(|line| line.to_ascii_lowercase().starts_with(&prefix)).map(|line| line[prefix.len()..].trim().to_owned())
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        let number = {
            let mut seen = shared.seen.lock().unwrap();
            if seen.stopped {
                return;
            }
            seen.connections += 1;
            seen.open += 1;
            seen.most_open = seen.most_open.max(seen.open);
            seen.connections
        };
        shared.streams.lock().unwrap().insert(number, stream.try_clone().unwrap());
        let shared = shared.clone();
        thread::spawn(move || {
            let _ = Talk::new(stream, &shared, number).run();
            if let Some(stream) = shared.streams.lock().unwrap().remove(&number) {
                let _ = stream.shutdown(Shutdown::Both);
            }
            shared.seen.lock().unwrap().open -= 1;
            shared.changed.notify_all();
        });
    }
}

struct Talk<'a> {
    reader: BufReader<TcpStream>,
    shared: &'a Shared,
    number: usize,
    mail: String,
    rcpts: Vec<String>,
}

/// The conversation is over.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Over {
        Over
    }
}

impl Talk<'_> {
    fn new(stream: TcpStream, shared: &Shared, number: usize) -> Talk<'_> {
        let _ = stream.set_nodelay(true);
        Talk { reader: BufReader::with_capacity(64 * 1024, stream), shared, number, mail: String::new(), rcpts: Vec::new() }
    }

    fn run(&mut self) -> Result<(), Over> {
        self.step(Step::Greeting, "220 sink.test ESMTP")?;
        loop {
            let line = self.line()?;
            self.shared.seen.lock().unwrap().commands.push((self.number, line.clone()));
            self.shared.changed.notify_all();
            self.command(line)?;
        }
    }

    fn command(&mut self, line: String) -> Result<(), Over> {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let parameter = line.find('<').map(|at| line[at..].to_owned()).unwrap_or_default();
        match verb.as_str() {
            "EHLO" => drop(self.step(Step::Ehlo, EXTENSIONS)?),
            "HELO" => drop(self.step(Step::Helo, "250 sink.test")?),
            "MAIL" => {
                if self.step(Step::Mail(line), "250 2.1.0 sender ok")? {
                    self.mail = parameter;
                    self.rcpts.clear();
                }
            }
            "RCPT" => {
                if self.step(Step::Rcpt(line), "250 2.1.5 recipient ok")? {
                    self.rcpts.push(parameter);
                }
            }
            "DATA" => self.data()?,
            "RSET" => {
                self.rcpts.clear();
                self.say("250 2.0.0 reset")?;
            }
            "QUIT" => {
                self.step(Step::Quit, "221 2.0.0 bye")?;
                return Err(Over);
            }
            _ => drop(self.step(Step::Other(line), "502 5.5.1 not known here")?),
        }
        Ok(())
    }

    fn data(&mut self) -> Result<(), Over> {
        if self.rcpts.is_empty() {
            return self.say("554 5.5.1 no recipients");
        }
        if !self.step(Step::Data, "354 go on")? {
            return Ok(());
        }
        let data = self.message()?;
        let arrived = Arrived {
            connection: self.number,
            mail: self.mail.clone(),
            rcpts: std::mem::take(&mut self.rcpts),
            data: data.clone(),
            when: Instant::now(),
        };
        // Taken before it is answered, so that whoever reads the answer finds it here.
        let act = self.ask(&Step::Dot(data));
        if matches!(&act, Act::Accept | Act::Wait(_)) || matches!(&act, Act::Say(text) if text.starts_with('2')) {
            self.shared.seen.lock().unwrap().arrived.push(arrived);
            self.shared.changed.notify_all();
        }
        self.perform(act, "250 2.0.0 taken").map(drop)
    }

    fn message(&mut self) -> Result<Vec<u8>, Over> {
        let mut out = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.reader.read_until(b'\n', &mut line)? == 0 {
                return Err(Over);
            }
            // Only CRLF ends a line: a bare LF is a part of the message here, to be seen.
            let begins = out.is_empty() || out.ends_with(b"\r\n");
            if begins && line == b".\r\n" {
                return Ok(out);
            }
            out.extend_from_slice(if begins && line.starts_with(b".") { &line[1..] } else { &line });
        }
    }

    fn ask(&self, step: &Step) -> Act {
        let script = self.shared.script.lock().unwrap().clone();
        script(step, self.number)
    }

    fn step(&mut self, step: Step, usual: &str) -> Result<bool, Over> {
        let act = self.ask(&step);
        self.perform(act, usual)
    }

    /// Says whether the answer was yes.
    fn perform(&mut self, act: Act, usual: &str) -> Result<bool, Over> {
        match act {
            Act::Accept => self.say(usual)?,
            Act::Wait(time) => {
                thread::sleep(time);
                self.say(usual)?;
            }
            Act::Say(text) => {
                self.say(&text)?;
                return Ok(text.starts_with('2') || text.starts_with('3'));
            }
            Act::Hang => {
                while !self.reader.fill_buf()?.is_empty() {
                    let count = self.reader.buffer().len();
                    self.reader.consume(count);
                }
                return Err(Over);
            }
            Act::Last(text) => {
                self.say(&text)?;
                return self.hang_up();
            }
            Act::Vanish => return self.hang_up(),
        }
        Ok(true)
    }

    /// The clone kept for the end of the sink would hold the connection open.
    fn hang_up(&self) -> Result<bool, Over> {
        let _ = self.reader.get_ref().shutdown(Shutdown::Both);
        Err(Over)
    }

    fn say(&mut self, text: &str) -> Result<(), Over> {
        // One write while the client has sent nothing more keeps pipelined replies together.
        self.reader.get_mut().write_all(format!("{text}\r\n").as_bytes())?;
        Ok(())
    }

    fn line(&mut self) -> Result<String, Over> {
        let mut line = Vec::new();
        if self.reader.read_until(b'\n', &mut line)? == 0 {
            return Err(Over);
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches("\r\n").to_owned())
    }
}

const EXTENSIONS: &str =
    "250-sink.test\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES";
