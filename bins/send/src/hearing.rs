//! What stafett-remote and stafett-local say: reports on the connections, births on the lines to the parents. A connection of
//! which nothing more is heard may have delivered what it had.

use crate::connection::Heard;
use crate::delivery_line::DeliveryLine;
use crate::dispatch::weight;
use crate::scheduler::Scheduler;
use stafett_handoff::Answer;
use stafett_wire::Verdict;

impl Scheduler {
    /// Hears what a connection has to say.
    pub fn hear(&mut self, number: u64) {
        let Some(connection) = self.connections.get(&number) else { return };
        match connection.hear(&mut self.buffer) {
            Heard::Nothing => {}
            Heard::Reports(reports) => self.reported(number, reports),
            Heard::Gone => self.gone(number),
            Heard::Nonsense(reason) => {
                let program = self.program_of(number);
                self.book.error(format_args!("{program} sent {reason}; closing that connection"));
                self.gone(number);
            }
        }
    }

    /// Hears what the parents of stafett-remote and stafett-local have to say.
    pub fn hear_lines(&mut self) {
        [false, true].into_iter().for_each(|is_local| self.hear_line(is_local));
    }

    fn hear_line(&mut self, is_local: bool) {
        loop {
            let line = self.line_mut(is_local);
            let Some(client) = &mut line.client else { return };
            match client.answer() {
                Ok(None) => return,
                Ok(Some(Answer::Started { tag, .. })) => {
                    line.has_started();
                    if let Some(connection) = self.connections.get_mut(&tag) {
                        connection.started = true;
                    }
                }
                Ok(Some(Answer::Refused { tag, text })) => {
                    line.is_busy();
                    let program = line.program;
                    self.book.error(format_args!("{program} takes no more connections: {text}"));
                    self.never_started(tag, false);
                }
                Ok(Some(Answer::Ended { .. })) => {}
                Err(_) => line.client = None,
            }
        }
    }

    /// The line to stafett-local or stafett-remote.
    pub(crate) fn line(&self, is_local: bool) -> &DeliveryLine {
        if is_local { &self.local } else { &self.remote }
    }

    fn line_mut(&mut self, is_local: bool) -> &mut DeliveryLine {
        if is_local { &mut self.local } else { &mut self.remote }
    }

    pub(crate) fn program_of(&self, connection: u64) -> &'static str {
        self.line(self.connections.get(&connection).is_some_and(|connection| connection.is_local)).program
    }

    fn gone(&mut self, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if connection.is_busy() && !connection.started {
            // The parent could have died between the birth and its announcement.
            self.never_started(number, true);
            return;
        }
        self.lost(number, "ended without a report. (#4.3.0)");
    }

    /// A connection of which nothing more is heard: what it was delivering may have arrived.
    pub(crate) fn lost(&mut self, number: u64, text: &str) {
        let text = format!("{} {text}", self.program_of(number));
        let connection = self.connections.get_mut(&number);
        let is_local = connection.as_ref().is_some_and(|connection| connection.is_local);
        let destination = connection.as_ref().map(|connection| connection.destination);
        let jobs = connection.map(|connection| std::mem::take(&mut connection.jobs)).unwrap_or_default();
        // What one message brought about must not meet others again.
        if let Some(state) = destination.and_then(|destination| self.destinations.state(destination)) {
            state.carried_out(1, false);
        }
        self.close(number);
        if jobs.is_empty() {
            return;
        }
        self.count_done(is_local, weight(&jobs));
        for job in jobs {
            let outcomes = vec![(Verdict::Temporary, text.clone()); job.recipients.len()];
            self.record(&job, &outcomes, &[], !self.ending);
            self.may_have_been_done(job.id, "its delivery ended without a report and will be tried again");
            self.after(job.id);
        }
    }

    /// No child was born for it, as far as we were told: it is tried again at once.
    fn never_started(&mut self, number: u64, suspect: bool) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let (jobs, destination, is_local) = (std::mem::take(&mut connection.jobs), connection.destination, connection.is_local);
        if !jobs.is_empty() {
            self.count_done(is_local, weight(&jobs));
            for job in &jobs {
                if let Some(message) = self.messages.get_mut(&job.id) {
                    message.suspect |= suspect;
                }
            }
            // Before the close, which forgets a destination without work.
            self.put_back(destination, jobs, &format!("{} was not there; trying again", self.line(is_local).program));
            if let Some(state) = self.destinations.state(destination) {
                // It had no order, as far as anybody knows.
                state.last_order = None;
            }
            self.join_line_first(destination);
        }
        self.close(number);
    }
}
