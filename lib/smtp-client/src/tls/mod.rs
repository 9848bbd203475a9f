//! TLS on the way to a destination: what is demanded, of whom, and what became of it.
//!
//! [`policy`] says what the administrator and the destination want, [`demand`] what that means for one host of it, [`dane`]
//! asks for TLSA records, [`outcome`] is where every attempt is told, [`means`] holds what is read once, [`services`] are asked and told.

pub mod dane;
pub mod demand;
pub mod means;
pub mod outcome;
pub mod policy;
pub mod services;

pub use demand::{Demand, Need};
pub use means::Means;
pub use outcome::{Outcome, PolicyType, ResultType, report_outcome};
pub use policy::{Policy, Secrecy, Sts, policy_for};
pub use services::Services;
