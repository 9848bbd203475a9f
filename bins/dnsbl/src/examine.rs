//! One inquiry from its questions to its findings: two rounds of questions, each in parallel.
//!
//! The first round asks every list for the address or name, and for the records of the names; the second for the texts of
//! the lists that decided, and for what the first has led to.

mod hosts;
mod listed;

use crate::lookups::{Asked, Asking};
use crate::parts::{Finding, Inquiry, Part};
use crate::settings::Settings;
use hosts::{Domain, Reverse};
use listed::Listed;
use stafett_dns::{Outcome, Question};
use std::sync::Arc;

/// Looks at every part that is wanted; nothing when `asking` could not answer all that came up.
pub fn examine(inquiry: &Inquiry, settings: &Settings, asking: &mut dyn Asking) -> Option<Vec<Finding>> {
    let mut round = Round::default();
    let mut works: Vec<Work<'_>> = inquiry.parts.iter().map(|part| Work::begin(*part, inquiry, settings, &mut round)).collect();
    let said = round.put_to(asking)?;
    let mut round = Round::default();
    works.iter_mut().for_each(|work| work.go_on(&said, &mut round));
    let said = round.put_to(asking)?;
    Some(works.into_iter().map(|work| work.end(&said)).collect())
}

/// Questions that are asked at once.
#[derive(Debug, Default)]
struct Round(Vec<Asked>);

/// A question's place in its round.
#[derive(Clone, Copy, Debug)]
struct Place(usize);

impl Round {
    fn add(&mut self, question: Question, zone: Option<&Arc<str>>) -> Place {
        self.0.push(Asked { question, zone: zone.cloned() });
        Place(self.0.len() - 1)
    }

    fn put_to(self, asking: &mut dyn Asking) -> Option<Vec<Outcome>> {
        if self.0.is_empty() { Some(Vec::new()) } else { asking.ask(&self.0) }
    }
}

/// The outcome at a place.
fn at(said: &[Outcome], place: Place) -> &Outcome {
    said.get(place.0).unwrap_or(&Outcome::NoData)
}

/// One part under way.
enum Work<'a> {
    Listed(Listed<'a>),
    Reverse(Reverse),
    Domain(Domain),
    Nothing(Part),
}

impl<'a> Work<'a> {
    fn begin(part: Part, inquiry: &'a Inquiry, settings: &'a Settings, round: &mut Round) -> Work<'a> {
        let mut listed = |name: Option<String>, lists| match name {
            Some(name) => Listed::begin(part, lists, name, inquiry.ip, round).map(Work::Listed),
            None => None,
        };
        let work = match part {
            Part::Client => listed(inquiry.ip.map(crate::names::reversed), &settings.addresses),
            Part::Helo => listed(inquiry.helo.clone(), &settings.domains),
            Part::Sender => listed(inquiry.sender.clone(), &settings.domains),
            Part::Reverse => inquiry.ip.and_then(|ip| Reverse::begin(ip, round)).map(Work::Reverse),
            Part::Domain => inquiry.sender.as_deref().and_then(|sender| Domain::begin(sender, round)).map(Work::Domain),
        };
        work.unwrap_or(Work::Nothing(part))
    }

    fn go_on(&mut self, said: &[Outcome], round: &mut Round) {
        match self {
            Work::Listed(work) => work.go_on(said, round),
            Work::Reverse(work) => work.go_on(said, round),
            Work::Domain(work) => work.go_on(said, round),
            Work::Nothing(_) => {}
        }
    }

    fn end(self, said: &[Outcome]) -> Finding {
        match self {
            Work::Listed(work) => work.end(said),
            Work::Reverse(work) => work.end(said),
            Work::Domain(work) => work.end(said),
            Work::Nothing(part) => Finding::pass(part),
        }
    }
}
