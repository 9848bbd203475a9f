//! A count over a sliding period.
//!
//! What it does: a period is divided into [`STEPS`] steps. A count is the sum of the step that is under way and of as many
//! before it as a period has, so it covers at least a whole period: never do more than the limit pass in any stretch of
//! that length. What was counted is forgotten when the period is over, or at most one step later.
//!
//! Known limits: time is what the caller says it is; a step that lies before the newest one counts as that.

/// Parts of a period.
pub const STEPS: u64 = 12;
const KEPT: usize = STEPS as usize + 1;

/// Counts by steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    newest: u64,
    counts: [u32; KEPT],
}

/// The number of the step that holds a moment, both in milliseconds.
pub fn step(now: u64, period: u64) -> u64 {
    now / length(period)
}

/// How long a step is, in milliseconds.
pub fn length(period: u64) -> u64 {
    (period / STEPS).max(1)
}

impl Window {
    /// From what [`Window::steps`] gave.
    pub fn restore(steps: impl Iterator<Item = (u64, u32)>) -> Window {
        let mut window = Window::default();
        steps.for_each(|(step, count)| window.add(step, count));
        window
    }

    /// The steps that are not empty, oldest first.
    pub fn steps(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let oldest = self.newest.saturating_sub(STEPS);
        (oldest..=self.newest).map(|step| (step, self.counts.get(place(step)).copied().unwrap_or(0))).filter(|(_, count)| *count > 0)
    }

    /// The count as it stands in a step.
    pub fn total(&self, step: u64) -> u64 {
        let oldest = step.max(self.newest).saturating_sub(STEPS);
        self.steps().filter(|(step, _)| *step >= oldest).map(|(_, count)| u64::from(count)).sum()
    }

    /// Counts.
    pub fn add(&mut self, step: u64, count: u32) {
        let step = self.advance(step);
        if let Some(kept) = self.counts.get_mut(place(step)) {
            *kept = kept.saturating_add(count);
        }
    }

    /// Takes back what was counted, the newest first.
    pub fn take_back(&mut self, step: u64, count: u32) {
        let newest = self.advance(step);
        let mut left = count;
        for step in (newest.saturating_sub(STEPS)..=newest).rev() {
            if let Some(kept) = self.counts.get_mut(place(step)) {
                let taken = left.min(*kept);
                *kept -= taken;
                left -= taken;
            }
        }
    }

    /// Empties the places that a later step will use.
    fn advance(&mut self, step: u64) -> u64 {
        if step > self.newest.saturating_add(STEPS) {
            self.counts = [0; KEPT];
        } else {
            (self.newest + 1..=step).for_each(|passed| self.counts.get_mut(place(passed)).into_iter().for_each(|count| *count = 0));
        }
        self.newest = self.newest.max(step);
        self.newest
    }
}

fn place(step: u64) -> usize {
    (step % KEPT as u64) as usize
}

#[cfg(test)]
#[path = "window_test.rs"]
mod window_test;
