//! The relay as its admin, its users and its neighbours see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panic")]

mod accounts;
mod authentication;
mod balance;
mod callout;
mod dns;
mod fastcommit;
mod faults;
mod filters;
mod forwarder;
mod fronts;
mod limits;
mod lists;
mod matchup;
mod metrics;
mod neighbours;
mod policy;
mod postfix;
mod power;
mod powercut;
mod queue;
mod quickstart;
mod relay;
mod reports;
mod scheduler;
mod secrecy;
mod signing;
mod smarthost;
mod steering;
mod stopped;
mod submission;
mod supervision;
mod tls;
mod tlsout;
mod tlspeers;
mod university;
