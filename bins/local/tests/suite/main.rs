//! stafett-local as a program: what it makes of dot-qmail files, and what it does not let happen.

mod common;
mod dotqmail;
mod faults;
mod maildir;
mod mbox;
mod programs;
