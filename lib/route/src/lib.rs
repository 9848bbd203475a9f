//! The admin's lists that decide about domains: who is relayed for, and where mail goes.
//!
//! Security stance: domains come from strangers, lists from the admin; nothing here does I/O, so that the decision can be
//! tested alone. How it fails: a line that does not parse is an error in words. Known limits are said in each module.

pub mod domain_map;
pub mod lifetimes;
pub mod locals;
pub mod pattern;
pub mod rcpthosts;
pub mod recipients;
pub mod signed;
pub mod smtproutes;

pub use domain_map::DomainMap;
pub use lifetimes::Lifetimes;
pub use locals::{Locals, Place};
pub use pattern::DomainPattern;
pub use rcpthosts::{Listed, RcptHosts};
pub use recipients::RecipientList;
pub use signed::Signed;
pub use smtproutes::{BadRoute, SMTP_PORT, SmtpRoutes};
