//! Shows what comes, as it comes.
//!
//! Watches the directories of the logs (inotify(7)) and reads what is added. A line is held for a
//! moment, so that the lines of all services come in the order of their times and a line that names the
//! client is seen before lines that only have the id. When a log is rotated the old file is
//! read to its end, and so are files that came and went in between.
//! How it fails: a file that cannot be read is named, and tried again at the next change.
//! Known limits: a log that comes into being later is not seen.

use crate::choose;
use crate::event::Event;
use crate::files::{Directory, Logs, finished};
use crate::lines::{Ended, Line, append};
use crate::options::Options;
use crate::select::Selection;
use crate::span::Span;
use crate::stamp::{Moment, SECOND};
use crate::tell::{Teller, Told};
use crate::{LOG, Lines};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use stafett_log::safe;
use stafett_sys::poll::{self, Interest};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a line is held.
const HOLD: i64 = SECOND / 2;

/// How long a delivery takes at most, as far as we look back for its beginning.
const UNDER_WAY: i64 = 3600 * SECOND;

/// Shows what was asked for up to now (all of chosen ids; else only with `--since`), then what comes,
/// until the output is closed.
pub fn follow(options: &Options, logs: &Logs, out: &mut impl Write) -> io::Result<u64> {
    let shows_past = options.has_since || !options.wanted.ids.is_empty();
    // Deliveries that are under way have begun before now.
    let span = if shows_past { options.span } else { Span { since: Moment::now().plus(-UNDER_WAY), ..Span::ALL } };
    let watch = watch(logs)?;
    let mut show = Show { options, selection: choose(options, logs, options.span), teller: Teller::default() };
    let mut past = Lines::new(logs, span);
    while let Some(line) = past.next() {
        if shows_past { show.line(&line, out)? } else { show.line(&line, &mut io::sink())? }
    }
    let mut tails = Vec::new();
    for directory in &logs.directories {
        tails.push(Tail::new(directory)?);
    }
    let mut held: VecDeque<(Moment, Vec<u8>)> = VecDeque::new();
    loop {
        out.flush()?;
        wait(&watch, held.is_empty())?;
        for tail in &mut tails {
            tail.read(&mut |at, raw| {
                show.selection.learn(&Event::of(&Line::new(&raw, at).text));
                // In most cases at the end.
                let place = held.partition_point(|(other, _)| *other <= at);
                held.insert(place, (at, raw));
            });
        }
        let due = Moment::now().plus(-HOLD);
        while let Some((at, raw)) = held.pop_front_if(|(at, _)| *at <= due || at.since(due) > 10 * SECOND) {
            show.line(&Line::new(&raw, at), out)?;
        }
    }
}

/// How lines are shown.
struct Show<'a> {
    options: &'a Options,
    selection: Selection,
    teller: Teller,
}

impl Show<'_> {
    fn line(&mut self, line: &Line<'_>, out: &mut impl Write) -> io::Result<()> {
        let event = Event::of(&line.text);
        let is_wanted = self.options.wanted.is_everything()
            || self.teller.message_of(&event, &line.text, &self.selection).is_some()
            || self.selection.concerns(&event);
        let mut told: Vec<Told> = Vec::new();
        self.teller.take(line.at, &event, &line.text, &self.selection, |one| told.push(one));
        if let Event::End(id) = event {
            self.selection.forget(id);
        }
        if self.options.raw {
            return if is_wanted { writeln!(out, "{}", safe(line.raw)) } else { Ok(()) };
        }
        told.iter().try_for_each(|one| {
            let id = one.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
            writeln!(out, "{}  {id:>16}  {}", one.at, safe(one.words.as_bytes()))
        })
    }
}

fn watch(logs: &Logs) -> io::Result<OwnedFd> {
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let what = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
    for directory in &logs.directories {
        inotify::add_watch(&watch, &directory.path, what)?;
    }
    Ok(watch)
}

/// Waits for a change, or for the time at which held lines are due.
fn wait(watch: &OwnedFd, is_idle: bool) -> io::Result<()> {
    // Now and then without a change too, in case one was not announced (network file systems).
    let timeout = if is_idle { Duration::from_secs(5) } else { Duration::from_millis(100) };
    poll::wait(&[(watch.as_fd(), Interest::Read)], Some(timeout))?;
    let mut space = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(watch, &mut space);
    while reader.next().is_ok() {}
    Ok(())
}

/// The end of one service's log.
struct Tail {
    directory: PathBuf,
    /// The file that was `current` when it was opened.
    file: Option<BufReader<File>>,
    inode: u64,
    /// The finished file that is known to be the newest.
    newest: Option<PathBuf>,
    line: Vec<u8>,
    at: Moment,
}

impl Tail {
    /// Begins where the first look ended.
    fn new(directory: &Directory) -> io::Result<Tail> {
        let mut tail = Tail { directory: directory.path.clone(), file: None, inode: 0, newest: None, line: Vec::new(), at: Moment::now() };
        if let Some(current) = &directory.current {
            let mut file = current.file.try_clone()?;
            tail.inode = file.metadata()?.ino();
            let start = last_line(&mut file, current.length)?;
            file.seek(SeekFrom::Start(start))?;
            tail.file = Some(BufReader::new(file));
        }
        // One that was rotated since it was opened is not finished for us.
        let is_ours = |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.ino() == tail.inode);
        tail.newest = finished(&tail.directory)?.into_iter().map(|(path, _)| path).take_while(|path| !is_ours(path)).last();
        Ok(tail)
    }

    /// Reads what was added, line by line.
    fn read(&mut self, take: &mut impl FnMut(Moment, Vec<u8>)) {
        self.read_open(take);
        let current = self.directory.join("current");
        // While it is being rotated there is none.
        let Ok(inode) = fs::metadata(&current).map(|found| found.ino()) else {
            return;
        };
        if inode == self.inode {
            return;
        }
        // What was written between the last look and the rotation.
        self.read_open(take);
        if let Err(error) = self.read_missed(take).and_then(|()| self.open(&current)) {
            LOG.error(format_args!("unable to read {}: {error}", self.directory.display()));
        }
        self.read_open(take);
    }

    /// Files that were finished since the last look, but for the one that was open.
    fn read_missed(&mut self, take: &mut impl FnMut(Moment, Vec<u8>)) -> io::Result<()> {
        for (path, _) in finished(&self.directory)? {
            if self.newest.as_ref().is_some_and(|newest| path <= *newest) {
                continue;
            }
            if self.inode != fs::metadata(&path)?.ino() {
                self.line.clear();
                self.file = Some(BufReader::new(File::open(&path)?));
                self.read_open(take);
            }
            self.newest = Some(path);
        }
        Ok(())
    }

    fn open(&mut self, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        self.inode = file.metadata()?.ino();
        self.line.clear();
        self.file = Some(BufReader::new(file));
        Ok(())
    }

    fn read_open(&mut self, take: &mut impl FnMut(Moment, Vec<u8>)) {
        let Some(reader) = &mut self.file else { return };
        // The rest of a line that is half written comes later.
        while let Ok(Ended::Line) = append(reader, &mut self.line) {
            let raw = std::mem::take(&mut self.line);
            self.at = Line::new(&raw, self.at).at;
            take(self.at, raw);
        }
    }
}

/// Where the line begins that is not ended at `length`.
fn last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let from = length.saturating_sub(crate::lines::LONGEST as u64);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(&mut *file, length - from), &mut bytes)?;
    Ok(memchr::memrchr(b'\n', &bytes).map_or(from, |at| from + at as u64 + 1))
}
