//! The sandbox as a client sees it: real HTTP on loopback, nothing reached into.

mod accounts;
mod bench;
mod contract_signatures;
mod control;
mod docjuris;
mod faults;
mod pages;
mod paperlex;
mod v2;
mod v3;
mod webhooks;
