//! Every way to a session that AWS has, each a short scene with the whole chain of who is behind it.

mod calls;
mod cast;
mod console;
mod identity_center;
mod missing;
mod persistence;
mod role_chain;
mod same_name;
mod script;
mod stacks;
mod workloads;

use anyhow::Result;

use super::{Gap, Incident, clock_time};
use crate::generate::Options;
use crate::generate::estate::Estate;
use cast::Cast;
use script::Script;

const STORY: &[&str] = &[
    "A user of staging assumes a role in platform, and from there a role in production.",
    "Somebody comes in through Identity Center, at the command line and in the console.",
    "A pod of Kubernetes and a virtual machine get sessions of their roles; the machine's key is used from outside, too.",
    "A function's stolen session makes a user with a key and a password, which are used later, from elsewhere.",
    "Somebody signs in to the console and switches to a role of another account.",
    "CloudFormation works with its caller's own credentials, and with a role of its own.",
    "Calls that issued sessions are not in evidence.",
    "Two people are in one role at once, under one session name.",
];

/// Indices of accounts and regions.
const PLATFORM: usize = 0;
const PRODUCTION: usize = 1;
const STAGING: usize = 2;
/// Runs Identity Center.
const DIRECTORY: usize = 3;
const HOME: usize = 0;
const GLOBAL: usize = 1;

pub(super) fn incident(options: &Options, estate: &Estate, day: i64) -> Result<Incident> {
    let cast = Cast::new(options.seed, estate);
    let mut script = Script::new(options, estate, day);
    role_chain::play(&mut script)?;
    identity_center::play(&mut script)?;
    workloads::play(&mut script, &cast)?;
    persistence::play(&mut script, &cast)?;
    console::play(&mut script, &cast)?;
    stacks::play(&mut script, &cast)?;
    missing::play(&mut script, &cast)?;
    same_name::play(&mut script, &cast)?;
    let (events, scenes) = script.finish();
    let particulars = vec![("scenes", scenes)];
    Ok(Incident { at: clock_time(day, "18:00:00")?, story: STORY, gap: Gap::default(), events, particulars, is_answered: false })
}
