//! What the admin's programs ask for: to hold, release, retry, delete, bounce or route messages. Every action is in the log with
//! the user who asked for it.
//!
//! A message that is being worked on gives back what is only queued; what is being delivered is
//! waited for, and the wish is fulfilled then.

use crate::message::{Message, Wish};
use crate::scheduler::{SETTLE, Scheduler, now};
use crate::waiting::FORCED;
use stafett_queue_store::journal::Event;
use stafett_queue_store::{Entry, Id, Listed, Place};
use stafett_route::SmtpRoutes;
use stafett_sys::user::Uid;
use stafett_wire::delivery::{Destination, Kind, LOCAL};
use stafett_wire::question::{Question, Reply, Verb};
use std::collections::HashSet;
use std::io;
use std::time::{Duration, SystemTime};

/// A name of a destination at most, in bytes.
const LONGEST_NAME: usize = 300;
/// What a returned message's recipients are told to have said.
const RETURNED: &str = "Returned by the administrator of this host. (#5.7.0)";

impl Scheduler {
    /// Answers a question of that user, who may ask by the mode of run/send.
    pub fn answer(&mut self, question: &Question, who: Uid) -> Vec<Reply> {
        match question.verb {
            Verb::Why => self.for_each(&question.arguments, |scheduler, listed| scheduler.why(listed)),
            Verb::Destinations => Reply::packets(self.destinations.iter().map(|state| self.describe(state)).collect()),
            Verb::Counts => Reply::packets(self.counts()),
            Verb::Flush if question.arguments.iter().any(|name| name.len() > LONGEST_NAME) => {
                vec![Reply::Permanent("a name is too long".to_owned())]
            }
            Verb::Flush => Reply::packets(self.flush(&question.arguments, who)),
            Verb::Route => match question.arguments.split_first() {
                Some((route, messages)) => self.route_all(route, messages, who),
                None => vec![Reply::Permanent("a route is missing".to_owned())],
            },
            verb => self.for_each(&question.arguments, |scheduler, listed| scheduler.act(verb, listed, who)),
        }
    }

    /// One line for each message that was named: its id and what `act` says.
    fn for_each(&mut self, names: &[String], act: impl Fn(&mut Scheduler, Listed) -> Vec<String>) -> Vec<Reply> {
        let mut lines = Vec::new();
        for name in names {
            let Some((id, size)) = Listed::parse_name(name) else {
                lines.push("- not done: that is no name of a message".to_owned());
                continue;
            };
            match self.store.find(id, size) {
                Ok(Some(listed)) => lines.extend(act(self, listed)),
                Ok(None) => lines.push(format!("{id} gone")),
                Err(error) => lines.push(format!("{id} not done: {error}")),
            }
        }
        Reply::packets(lines)
    }

    fn act(&mut self, verb: Verb, listed: Listed, who: Uid) -> Vec<String> {
        let id = listed.id;
        let Some(listed) = self.only_one_anywhere(listed) else { return vec![format!("{id} gone")] };
        let done = match verb {
            Verb::Hold => self.wish(listed, Wish::Hold),
            Verb::Delete => self.wish(listed, Wish::Delete),
            Verb::Bounce => self.wish(listed, Wish::Bounce),
            Verb::Release => self.release(listed),
            _ => self.retry(listed),
        };
        vec![match done {
            Ok(word) => {
                self.book.admin(who, verb.word(), id);
                format!("{id} {word}")
            }
            Err(reason) => format!("{id} not done: {reason}"),
        }]
    }

    /// Stops what is only queued of a message, and does what is wished as soon as nothing of it is
    /// being delivered.
    fn wish(&mut self, listed: Listed, wish: Wish) -> Result<&'static str, String> {
        if listed.place == Place::Held && wish == Wish::Hold {
            return Ok("is held already");
        }
        self.take_up(listed)?;
        let id = listed.id;
        let withdrawn = self.destinations.withdraw(id);
        let Some(message) = self.messages.get_mut(&id) else { return Err("it is gone".to_owned()) };
        message.open = message.open.saturating_sub(withdrawn);
        message.wish = Some(wish);
        let later = message.open > 0 || message.bouncing;
        self.finish_if_idle(id);
        Ok(if later { "done when its running delivery ends" } else { "done" })
    }

    /// Reads a message that is not being worked on into memory, without beginning a pass.
    fn take_up(&mut self, listed: Listed) -> Result<(), String> {
        let Listed { id, size, place, .. } = listed;
        if self.messages.contains_key(&id) {
            return Ok(());
        }
        if place == Place::New && is_settling(id) {
            return Err("it is just being accepted; try again in a few seconds".to_owned());
        }
        let entry = self.store.read(id, size, place).map_err(|error| error.to_string())?.map_err(|damage| damage.to_string())?;
        let message = self.prepare(listed, entry);
        self.messages.insert(id, message);
        Ok(())
    }

    fn release(&mut self, listed: Listed) -> Result<&'static str, String> {
        if let Some(message) = self.messages.get_mut(&listed.id)
            && message.wish.take_if(|wish| *wish == Wish::Hold).is_some()
        {
            return Ok("is held no more");
        }
        if listed.place != Place::Held {
            return Ok("is not held");
        }
        if self.messages.contains_key(&listed.id) {
            return Err("it is being worked on; try again in a few seconds".to_owned());
        }
        self.move_to_waiting(listed).map_err(|error| error.to_string())?;
        Ok("done")
    }

    fn retry(&mut self, listed: Listed) -> Result<&'static str, String> {
        match listed.place {
            Place::Held => Err("it is held; release it first".to_owned()),
            _ if self.messages.contains_key(&listed.id) => {
                let destinations: HashSet<Destination> =
                    self.destinations.holding(listed.id).map(|(_, state)| state.name.clone()).collect();
                self.end_pauses_for(&destinations);
                self.try_resting(listed.id);
                Ok("is being tried")
            }
            Place::New => Ok("is being tried for the first time"),
            Place::Waiting => {
                // A pause of its destination would put it off again without a try.
                let destinations = self.destinations_of(listed).map_err(|error| error.to_string())?;
                self.end_pauses_for(&destinations);
                self.move_to_waiting(listed).map_err(|error| error.to_string())?;
                Ok("done")
            }
        }
    }

    /// Recipients of a message in memory that rest in this pass are tried after it.
    pub(crate) fn try_resting(&mut self, id: Id) {
        if let Some(message) = self.messages.get_mut(&id).filter(|message| message.resting_until.is_some()) {
            message.wish.get_or_insert(Wish::Retry);
        }
    }

    /// Says how many were left alone until now.
    fn end_pauses_for(&mut self, destinations: &HashSet<Destination>) -> usize {
        destinations.iter().filter(|name| self.destinations.end_pause(name)).count()
    }

    /// Where the recipients that wait go, of a message that is not being worked on. One that is
    /// damaged goes nowhere; the next pass sets it aside.
    fn destinations_of(&self, listed: Listed) -> io::Result<HashSet<Destination>> {
        let file = self.store.open_message(listed.id, listed.size, listed.place)?;
        let Ok(entry) = Entry::glance(&file, listed.id, listed.size)? else { return Ok(HashSet::new()) };
        let waiting = entry.envelope.recipients.iter().zip(&entry.standings).filter(|(_, standing)| standing.is_waiting());
        Ok(waiting.map(|(recipient, standing)| self.settings.destination(&recipient.address, Some(standing))).collect())
    }

    /// A message waits in queue/cur and is due now.
    fn move_to_waiting(&mut self, listed: Listed) -> io::Result<()> {
        let Listed { id, size, place, .. } = listed;
        let due = now();
        self.store.wait_until(id, size, place, due)?;
        self.touch(place, id);
        self.touch(Place::Waiting, id);
        // In the line it is due whatever else is known of it.
        self.put_in_line(Listed { id, size, place: Place::Waiting, due: FORCED.into() });
        Ok(())
    }

    fn route_all(&mut self, route: &str, names: &[String], who: Uid) -> Vec<Reply> {
        if let Err(bad) = judge_route(route) {
            return vec![Reply::Permanent(bad)];
        }
        self.for_each(names, |scheduler, listed| {
            let id = listed.id;
            let Some(listed) = scheduler.only_one_anywhere(listed) else { return vec![format!("{id} gone")] };
            match scheduler.reroute(listed, route) {
                Ok(()) => {
                    scheduler.book.admin(who, &format!("route {route}"), id);
                    vec![format!("{id} done")]
                }
                Err(reason) => vec![format!("{id} not done: {reason}")],
            }
        })
    }

    fn reroute(&mut self, listed: Listed, route: &str) -> Result<(), String> {
        self.take_up(listed)?;
        let id = listed.id;
        let withdrawn = self.destinations.withdraw(id);
        let Some(message) = self.messages.get_mut(&id) else { return Err("it is gone".to_owned()) };
        message.open = message.open.saturating_sub(withdrawn);
        let waiting: Vec<usize> = message.waiting().collect();
        waiting.into_iter().for_each(|index| message.note_route(index, route, now()));
        let otherwise = if listed.place == Place::Held { Wish::Hold } else { Wish::Retry };
        // What was wished before and waits for a delivery is not forgotten.
        message.wish.get_or_insert(otherwise);
        self.finish_if_idle(id);
        Ok(())
    }

    /// Does what the admin wished with a message of which nothing is under way.
    pub(crate) fn fulfil(&mut self, id: Id, wish: Wish) {
        match wish {
            Wish::Hold => self.hold_now(id),
            Wish::Delete => self.delete_now(id),
            Wish::Bounce => {
                if let Some(message) = self.messages.get_mut(&id) {
                    let waiting: Vec<usize> = message.waiting().collect();
                    waiting.into_iter().for_each(|index| message.note(index, Event::Failed, RETURNED, now()));
                }
                // A bounce of very many at once goes through the line, so that memory stays bounded.
                if self.messages.are_few() { self.finish_if_idle(id) } else { self.wait(id, now()) }
            }
            Wish::Retry => self.wait_in_line(id, now(), FORCED.into()),
        }
    }

    fn hold_now(&mut self, id: Id) {
        self.write_lines(id);
        let Some(message) = self.messages.remove(&id) else { return };
        let Message { size, place, lines, uncertain, suspect, begun, .. } = message;
        match self.store.hold(id, size, place) {
            Ok(()) => {
                self.touch(place, id);
                self.touch(Place::Held, id);
            }
            Err(error) => {
                self.book.error(format_args!("unable to hold msg {id}: {error}"));
                self.put_in_line(Listed { id, size, place, due: now() + 60 });
            }
        }
        self.leave_attempt(id, uncertain || suspect || !lines.is_empty(), begun);
        self.keep_unwritten(id, lines);
    }

    fn delete_now(&mut self, id: Id) {
        let Some(message) = self.messages.remove(&id) else { return };
        let Message { size, place, lines, .. } = message;
        match self.store.remove(id, size, place) {
            Ok(()) => {
                self.touch(place, id);
                self.suspects.ids.remove(&id);
                self.book.end_message(id);
            }
            Err(error) => {
                self.book.error(format_args!("unable to delete msg {id}: {error}"));
                self.put_in_line(Listed { id, size, place, due: now() + 60 });
                self.keep_unwritten(id, lines);
            }
        }
    }

    /// Ends the pauses of the named destinations and of those of the named domains; without names,
    /// everything is tried now.
    fn flush(&mut self, names: &[String], who: Uid) -> Vec<String> {
        let mut ended = self.destinations.end_pauses_of(names);
        let by_domain = names.iter().map(|name| self.settings.destination(&format!("@{name}"), None));
        let (here, elsewhere): (HashSet<_>, HashSet<_>) = by_domain.partition(|destination| destination.kind == Kind::Local);
        ended += self.end_pauses_for(&elsewhere);
        // Whose mail of such a domain it is shows at its messages; most often all fail together.
        ended += if here.is_empty() { 0 } else { self.destinations.end_pauses_of(&[LOCAL.to_owned()]) };
        if names.is_empty() {
            self.alarm();
        }
        self.book.admin_flush(who, names);
        vec![format!("{ended} destinations are tried again now")]
    }
}

/// Why a text cannot be a route: what the journal would not give back as it was, or what
/// stafett-remote would not take.
fn judge_route(route: &str) -> Result<(), String> {
    let shown = route.escape_debug();
    if route.len() > LONGEST_NAME || route.contains(char::is_control) || route.trim() != route {
        return Err(format!("\"{shown:.300}\" is no route"));
    }
    let mut routes = SmtpRoutes::new();
    routes.insert("", route).map_err(|bad| format!("\"{shown}\" is no route: {bad}"))?;
    if routes.destination("a.example").is_usable() { Ok(()) } else { Err(format!("\"{shown}\" is no route")) }
}

/// Whether queued may still be making a message durable that lies in queue/new; it tells of it
/// then.
fn is_settling(id: Id) -> bool {
    let now = SystemTime::now();
    id.birth() <= now && now.duration_since(id.birth()).unwrap_or(Duration::ZERO) < SETTLE
}
