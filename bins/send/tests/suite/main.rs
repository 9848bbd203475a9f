//! The real stafett-send in a temporary instance, between a scripted stafett-remote and a scripted stafett-queued.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test fails by panic")]

mod admin;
mod bounces;
mod clock;
mod common;
mod crashes;
mod delay;
mod etrn;
mod kept;
mod life;
mod limits;
mod moves;
mod pace;
mod queued;
mod remote;
mod retries;
mod scale;
mod together;
mod trouble;
mod turns;
mod twins;
mod users;
