//! What happens in the noise: a cast and a list of steps, turned into records with their ground truth.

mod leaked_key;
mod lineage;

use std::borrow::Cow;
use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use serde_json::Value;

use super::Options;
use super::catalogue::{Call, Network};
use super::clock::{DAY, HOUR};
use super::estate::Estate;
use super::identity::{Caller, Identity};
use super::random::{Random, mix};
use super::record::{Draft, Meta, guid};
use super::template::Scene;

/// Which story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Story {
    /// An incident: a leaked key, what was done with it, and what was not seen of it
    LeakedKey,
    /// Every way to a session, each with the whole chain of who is behind it
    Lineage,
}

/// A scenario, made concrete.
#[derive(Debug)]
pub(crate) struct Incident {
    /// When it was noticed.
    pub(crate) at: i64,
    pub(crate) story: &'static [&'static str],
    pub(crate) gap: Gap,
    pub(crate) events: Vec<IncidentEvent>,
    /// What is true of this story alone, by name.
    pub(crate) particulars: Vec<(&'static str, Value)>,
    /// Whether the answers of its window are worked out, too.
    pub(crate) is_answered: bool,
}

/// Hours in which a region's files are missing.
#[derive(Debug, Default)]
pub(crate) struct Gap {
    pub(crate) region: &'static str,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// One record of it.
#[derive(Debug)]
pub(crate) struct IncidentEvent {
    pub(crate) account: usize,
    pub(crate) place: usize,
    pub(crate) phase: &'static str,
    pub(crate) actor: &'static str,
    pub(crate) meta: Meta,
    pub(crate) json: Vec<u8>,
}

/// Somebody who acts in a scenario.
#[derive(Debug)]
struct Actor<'a> {
    name: &'static str,
    identity: Identity<'a>,
    address: String,
    agent: &'static str,
    from_console: bool,
}

/// Something that happens in a scenario.
#[derive(Debug, Clone)]
struct Step {
    /// `HH:MM:SS` on the day of the incident.
    at: String,
    actor: &'static str,
    account: usize,
    place: usize,
    phase: &'static str,
    call: Call,
    /// Names it, for the truth to refer to.
    label: &'static str,
    /// Another account that records it as well, seen from the owner of the resource.
    seen_by: Option<usize>,
}

/// Certain: the step's call always fails that way.
const ALWAYS: usize = 1_000_000;

/// The incident of a run.
pub(crate) fn incident(options: &Options, estate: &Estate) -> Result<Incident> {
    let day = options.start + options.days / 2 * DAY;
    let (accounts, regions) = (estate.accounts.len(), estate.accounts[0].places.len());
    match options.story {
        Story::LeakedKey => {
            ensure!(accounts >= 3 && regions >= 3, "the scenario needs three accounts and three regions");
            leaked_key::incident(options, estate, day)
        }
        Story::Lineage => {
            ensure!(accounts >= 4 && regions >= 2, "the scenario needs four accounts and two regions");
            lineage::incident(options, estate, day)
        }
    }
}

fn clock_time(day: i64, text: &str) -> Result<i64> {
    let mut parts = text.split(':').map(str::parse::<i64>);
    let mut next = || parts.next().context("a step's time lacks a part")?.with_context(|| format!("a step's time is not HH:MM:SS: {text}"));
    Ok(day + next()? * HOUR + next()? * 60 + next()?)
}

fn id_seed(options: &Options, step: usize, copy: u64) -> u64 {
    mix(&[options.seed, 0x1c1d, step as u64, copy])
}

/// One record to be written: which step, seen by whom.
#[derive(Debug, Clone, Copy)]
struct Shot {
    /// Number of the step.
    step: usize,
    time: i64,
    account: usize,
    place: usize,
    /// Account whose trail records it, and the how-manieth record of the step this is.
    recorder: usize,
    copy: u64,
    /// Whether other accounts record it, too.
    is_shared: bool,
}

impl Shot {
    fn record(
        &self,
        options: &Options,
        estate: &Estate,
        names: Option<&HashMap<String, String>>,
        caller: Caller<'_>,
        call: &Call,
    ) -> (Meta, Vec<u8>) {
        let n = self.step as u64;
        let account = &estate.accounts[self.account];
        let mut scene = Scene {
            estate,
            account_index: self.account,
            account,
            place: &account.places[self.place],
            time: self.time,
            salt: mix(&[options.seed, 0x5a17, n]),
            random: Random::seeded(&[options.seed, 0x57e9, n]),
            names,
        };
        let shared_seed = self.is_shared.then(|| id_seed(options, self.step, 9));
        let recipient = &estate.accounts[self.recorder].id;
        let id_seed = id_seed(options, self.step, self.copy);
        let draft = Draft { call, caller, fault: call.faults.first(), recipient, id_seed, shared_seed, addendum: None };
        let mut json = Vec::new();
        draft.write(&mut json, &mut scene);
        (draft.meta(&scene), json)
    }
}

/// Writes the records of all steps.
fn play(
    options: &Options,
    estate: &Estate,
    day: i64,
    names: &HashMap<String, String>,
    cast: &[Actor<'_>],
    steps: &[Step],
) -> Result<Vec<IncidentEvent>> {
    let mut events = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let actor = cast.iter().find(|a| a.name == step.actor).with_context(|| format!("nobody in the cast is called {}", step.actor))?;
        let (time, is_shared) = (clock_time(day, &step.at)?, step.seen_by.is_some());
        let mut emit = |copy: u64, recorder: usize, identity: Identity<'_>| {
            let caller = Caller {
                identity,
                address: Cow::Borrowed(&actor.address),
                agent: Cow::Borrowed(actor.agent),
                by_service: false,
                from_console: actor.from_console,
                endpoint: None,
            };
            let shot = Shot { step: n, time, account: step.account, place: step.place, recorder, copy, is_shared };
            let (meta, json) = shot.record(options, estate, Some(names), caller, &step.call);
            events.push(IncidentEvent { account: recorder, place: step.place, phase: step.phase, actor: step.actor, meta, json });
        };
        emit(0, step.account, actor.identity.clone());
        if let Some(owner) = step.seen_by {
            emit(1, owner, seen_from_outside(&actor.identity));
        }
    }
    Ok(events)
}

/// What the owner of a resource sees of a caller from another account: no name, no ARN.
pub(crate) fn seen_from_outside<'a>(identity: &Identity<'a>) -> Identity<'a> {
    match identity {
        Identity::User { account, user } | Identity::UserSession { account, user, .. } => {
            Identity::External { account, principal: user.id.clone() }
        }
        Identity::Role(session) => {
            Identity::External { account: session.account, principal: format!("{}:{}", session.role.id, session.name) }
        }
        other => other.clone(),
    }
}

/// The id of a labelled step's event.
fn id_of(options: &Options, steps: &[Step], label: &str) -> Value {
    steps.iter().position(|s| s.label == label).map_or(Value::Null, |n| guid(id_seed(options, n, 0)).into())
}

impl Call {
    fn network_command(self) -> Self {
        self.writes().network(Network::Yes)
    }
}
