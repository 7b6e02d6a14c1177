//! Who set a service in motion: calls that a service or a workload made, joined to the call that made it do so.
//!
//! What a service does is its own doing; but a stack is built because somebody had it built, a function runs the code somebody gave it. What is
//! known is a set of [`Setting`]: calls that set such a thing up. [`Motions::of`] joins what a service did to them by what the records
//! themselves name, a pure function of the set. Where several fit, all are listed; where none does, nobody is named.

mod below;
mod read;
mod setting;

use backtrail_model::time::{MICROS_PER_HOUR, MICROS_PER_SECOND, format_instant};
use hashbrown::HashMap;
use serde::Serialize;

use crate::lineage::{Holder, Issued, Origin};
use crate::principal::PrincipalKind;

pub use below::SetInMotion;
pub(crate) use below::{Sessions, SetOff, is_of_stacks};
pub(super) use read::{Sought, read};
pub(crate) use setting::Setting;
use setting::{Sets, StackCall};
pub(super) use setting::{group_of, stack_of};

/// CloudFormation begins a session of the stack's role when its work begins, and another when that one ends: a stack that takes longer than
/// this has sessions that are joined to nobody.
const STACK_WORKS: i64 = 2 * MICROS_PER_HOUR;
/// Clocks of services differ by about so much.
const SKEW: i64 = 2 * MICROS_PER_SECOND;
/// Calls listed where several fit.
const MOST: usize = 8;

/// What somebody did to a service or workload, by which it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Had it act, there and then.
    SetInMotion,
    /// Launched the instance, started the task.
    Launched,
    /// Gave the instance its role, the last to do so.
    ProfileLastSet,
    /// Made or changed the Auto Scaling group, the last to do so.
    GroupLastSet,
    /// Wrote the function's code, the last to do so.
    CodeLastSet,
    /// Changed how the function runs, the last to do so, after its code was written.
    ConfigurationLastSet,
}

impl Part {
    /// As in `launched by alice`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::SetInMotion => "set in motion by",
            Self::Launched => "launched by",
            Self::ProfileLastSet => "role last given by",
            Self::GroupLastSet => "group last set by",
            Self::CodeLastSet => "code last set by",
            Self::ConfigurationLastSet => "configuration last set by",
        }
    }
}

/// What names the thing that was set in motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MotionBasis {
    /// The event itself: the identity is that of who called the service, `invokedBy` the service.
    InvokedBy,
    /// The parameters of the call.
    Request,
    /// The answer to the call.
    Response,
    /// The parameters of an earlier call, about the same thing: both are cited.
    EarlierRequest,
}

impl MotionBasis {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvokedBy => "invoked_by",
            Self::Request => "request",
            Self::Response => "response",
            Self::EarlierRequest => "earlier_request",
        }
    }
}

/// Who set a service or a workload in motion, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mover {
    /// Who.
    pub actor: Origin,
    /// Roles and users the chain to the actor leads through.
    pub via: Vec<String>,
    /// What that did.
    pub part: Part,
    /// What names it.
    pub basis: MotionBasis,
    /// The thing, as in `stack web`, `instance i-0abc`; `null` where the event itself says who called the service.
    pub subject: Option<String>,
    /// The call; `null` likewise.
    pub event_name: Option<String>,
    /// When.
    pub event_time: Option<String>,
    /// Citations: the call first, then those of the chain to the actor.
    pub refs: Vec<String>,
    /// Who set the actor in motion, where that is a service or workload itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_in_motion_by: Vec<Mover>,
}

impl Mover {
    /// Whom the event itself names as the one who called the service.
    pub(super) fn of_event(actor: Origin, via: Vec<String>) -> Self {
        Self {
            actor,
            via,
            part: Part::SetInMotion,
            basis: MotionBasis::InvokedBy,
            subject: None,
            event_name: None,
            event_time: None,
            refs: Vec::new(),
            set_in_motion_by: Vec::new(),
        }
    }

    /// This one, and whoever set it in motion in turn.
    pub(crate) fn all(&self) -> Vec<&Mover> {
        std::iter::once(self).chain(self.set_in_motion_by.iter().flat_map(Mover::all)).collect()
    }

    /// `alice via Ops`.
    #[must_use]
    pub fn label(&self) -> String {
        if self.via.is_empty() { self.actor.name.clone() } else { format!("{} via {}", self.actor.name, self.via.join(", ")) }
    }
}

/// Something that a service did, as far as it tells what may have set it in motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Driven<'a> {
    pub(super) what: What<'a>,
    pub(super) account: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    /// When the session began, or the call was made.
    pub(super) time: Option<i64>,
}

/// What acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// CloudFormation, with this role.
    StackRole(&'a str),
    /// An instance.
    Instance(&'a str),
    /// A task of ECS.
    Task(&'a str),
    /// An Auto Scaling group.
    Group(&'a str),
    /// A function.
    Function(&'a str),
}

impl<'a> Driven<'a> {
    /// Something that acted at a time, wherever.
    fn at(what: What<'a>, time: i64) -> Self {
        Self { what, account: None, region: None, time: Some(time) }
    }

    /// A session that a service issued for a role.
    pub(super) fn issued(one: &'a Issued) -> Option<Self> {
        let principal = &one.holder.principal;
        if principal.kind != PrincipalKind::Service {
            return None;
        }
        let session = one.what.arn.as_deref().and_then(backtrail_model::arn::Arn::parse);
        let (account, (role, session)) = session.and_then(|arn| Some((arn.account(), arn.role_session()?)))?;
        let what = match principal.name.as_str() {
            "cloudformation.amazonaws.com" => What::StackRole(role),
            "ec2.amazonaws.com" if is_instance(session) => What::Instance(session),
            "ecs-tasks.amazonaws.com" if is_task(session) => What::Task(session),
            "lambda.amazonaws.com" => What::Function(session),
            _ => return None,
        };
        Some(Self { what, account: Some(account), region: one.region.as_deref(), time: one.time })
    }

    /// A session whose issue is not in evidence, where CloudTrail itself says which workload it was issued to.
    pub(super) fn workload(holder: &'a Holder) -> Option<Self> {
        let session = holder.principal.session_name.as_deref();
        let scope = holder.workload.as_ref();
        let issued_to = scope.and_then(|w| w.credentials_issued_to.as_deref()).and_then(backtrail_model::arn::Arn::parse);
        let task = || issued_to.map(|arn| arn.name()).or(session).filter(|id| is_task(id));
        let instance = || issued_to.map(|arn| arn.name()).filter(|id| is_instance(id)).or(session.filter(|s| is_instance(s)));
        let kind = scope.and_then(|w| w.issuer_type.as_deref());
        let what = match kind {
            Some("AWS::Lambda::Function") => What::Function(issued_to.map(|arn| arn.name()).or(session)?),
            Some("AWS::ECS::Task") => What::Task(task()?),
            Some("AWS::EC2::Instance") => What::Instance(instance()?),
            _ if holder.ec2_role_delivery.is_some() => What::Instance(instance()?),
            _ => return None,
        };
        let region = issued_to.map(|arn| arn.region()).filter(|r| !r.is_empty());
        Some(Self { what, account: holder.principal.account.as_deref(), region, time: holder.created })
    }
}

/// `i-0123456789abcdef0`.
pub(super) fn is_instance(name: &str) -> bool {
    name.strip_prefix("i-").is_some_and(|id| matches!(id.len(), 8 | 17) && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// `0123456789abcdef0123456789abcdef`; of tasks that are older than 2018 with hyphens, as a UUID has them.
fn is_task(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_hexdigit).count();
    digits == 32 && (name.len() == 32 || (name.len() == 36 && name.bytes().filter(|b| *b == b'-').count() == 4))
}

/// A call that fits, and what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved<'a> {
    pub(super) setting: &'a Setting,
    pub(super) part: Part,
    pub(super) basis: MotionBasis,
    /// The earlier call that named the role.
    pub(super) earlier: Option<&'a Setting>,
}

impl Moved<'_> {
    /// Who made the call, told as part of an answer.
    pub(super) fn told(&self, subject: &What<'_>, actor: Origin, via: Vec<String>, chain: impl IntoIterator<Item = String>) -> Mover {
        let mut refs = vec![self.setting.reference.clone()];
        refs.extend(self.earlier.map(|s| s.reference.clone()));
        refs.extend(chain);
        Mover {
            actor,
            via,
            part: self.part,
            basis: self.basis,
            subject: Some(self.subject(subject)),
            event_name: Some(self.setting.event_name.clone()),
            event_time: self.setting.time.map(format_instant),
            refs,
            set_in_motion_by: Vec::new(),
        }
    }

    fn subject(&self, what: &What<'_>) -> String {
        match (&self.setting.sets, what) {
            (Sets::Stack(stack), _) => format!("stack {}", stack.name),
            (_, What::Instance(id)) => format!("instance {id}"),
            (_, What::Task(id)) => format!("task {id}"),
            (_, What::Group(name)) => format!("group {name}"),
            (_, What::Function(name)) => format!("function {name}"),
            (_, What::StackRole(role)) => format!("role {role}"),
        }
    }
}

/// Everything evidence shows being set up that services may have acted on.
#[derive(Debug, Default)]
pub(super) struct Motions {
    /// In the order of time.
    settings: Vec<Setting>,
    /// Of each thing by its name: the calls about it.
    by_name: HashMap<String, Vec<usize>>,
    /// Of each call about a stack: the role it is built with, and the call that named it.
    roles: HashMap<usize, (String, usize)>,
}

impl Motions {
    /// Of these calls, in any order.
    pub(super) fn new(mut settings: Vec<Setting>) -> Self {
        settings.sort_by(|a, b| (a.time.is_none(), a.time, &a.reference).cmp(&(b.time.is_none(), b.time, &b.reference)));
        // Read for several things.
        settings.dedup_by(|a, b| a.reference == b.reference && a.sets == b.sets);
        name_stacks(&mut settings);
        let mut all = Self { settings, ..Self::default() };
        for (at, one) in all.settings.iter().enumerate() {
            for name in one.sets.names() {
                all.by_name.entry(name.to_owned()).or_default().push(at);
            }
        }
        all.roles = all.roles_of_stacks();
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.settings.is_empty()
    }

    /// The role of each call about a stack: that which it names, else that of the change set it carries out, else that of the call before it
    /// about the same stack, which CloudFormation goes on to use (AWS CloudFormation user guide, "service role").
    fn roles_of_stacks(&self) -> HashMap<usize, (String, usize)> {
        let mut roles: HashMap<usize, (String, usize)> = HashMap::new();
        let mut stacks: HashMap<(Option<&str>, Option<&str>, &str), usize> = HashMap::new();
        for (at, one) in self.settings.iter().enumerate() {
            let Sets::Stack(stack) = &one.sets else { continue };
            let place = (one.account.as_deref(), one.region.as_deref(), stack.name.as_str());
            let change_set = made_by(&self.settings, at);
            let named = stack.role.clone().map(|role| (role, at)).or_else(|| change_set.and_then(|i| roles.get(&i).cloned()));
            let role = named.or_else(|| stacks.get(&place).and_then(|before| roles.get(before).cloned()));
            roles.extend(role.map(|role| (at, role)));
            // A change set that is made changes nothing yet.
            if stack.makes.is_none() {
                stacks.insert(place, at);
            }
        }
        roles
    }

    /// The calls that set it in motion: none, one, or all that fit.
    pub(super) fn of(&self, driven: &Driven<'_>) -> Vec<Moved<'_>> {
        match driven.what {
            What::StackRole(role) => self.of_stack(driven, role),
            What::Instance(id) => self.of_instance(driven, id),
            What::Task(id) => self.of_task(driven, id),
            What::Group(name) => self.last(driven, name, |sets| matches!(sets, Sets::Group(_))).map(moved(Part::GroupLastSet)).collect(),
            What::Function(name) => self.of_function(driven, name),
        }
    }

    /// The stacks whose last call before the session began had them built with that role, a short time ago.
    fn of_stack(&self, driven: &Driven<'_>, role: &str) -> Vec<Moved<'_>> {
        let (Some(began), Some(_)) = (driven.time, driven.region) else { return Vec::new() };
        let mut last: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, one) in self.settings.iter().enumerate() {
            let Sets::Stack(stack) = &one.sets else { continue };
            let Some(time) = one.time.filter(|t| *t <= began.saturating_add(SKEW)) else { continue };
            if stack.name.is_empty() || stack.makes.is_some() || !one.is_in(driven) {
                continue;
            }
            let calls = last.entry(stack.name.as_str()).or_default();
            calls.retain(|i| self.settings[*i].time == Some(time));
            calls.push(at);
        }
        let mut fit: Vec<usize> = last.into_values().flatten().collect();
        fit.retain(|at| {
            let is_near = self.settings[*at].time.is_some_and(|t| began - t <= STACK_WORKS);
            is_near && self.roles.get(at).is_some_and(|(named, _)| setting::is_role(named, driven.account, role))
        });
        fit.sort_unstable();
        fit.truncate(MOST);
        let told = |at: usize| {
            let earlier = self.roles.get(&at).map(|(_, by)| *by).filter(|by| *by != at).map(|by| &self.settings[by]);
            let basis = if earlier.is_some() { MotionBasis::EarlierRequest } else { MotionBasis::Request };
            Moved { setting: &self.settings[at], part: Part::SetInMotion, basis, earlier }
        };
        fit.into_iter().map(told).collect()
    }

    fn of_instance(&self, driven: &Driven<'_>, id: &str) -> Vec<Moved<'_>> {
        // Ids are given once: the region need not be known.
        let driven = Driven { region: None, ..*driven };
        let launched = self.last(&driven, id, |sets| matches!(sets, Sets::Launch { .. })).map(moved(Part::Launched));
        let profile = self.last(&driven, id, |sets| matches!(sets, Sets::Profile(_))).map(moved(Part::ProfileLastSet));
        launched.chain(profile).collect()
    }

    /// Ids are given once, as those of instances.
    fn of_task(&self, driven: &Driven<'_>, id: &str) -> Vec<Moved<'_>> {
        let driven = Driven { region: None, ..*driven };
        self.last(&driven, id, |sets| matches!(sets, Sets::Tasks(_))).map(moved(Part::Launched)).collect()
    }

    fn of_function(&self, driven: &Driven<'_>, name: &str) -> Vec<Moved<'_>> {
        // One name may be a function in every region.
        if driven.region.is_none() {
            return Vec::new();
        }
        let code: Vec<_> = self.last(driven, name, |sets| matches!(sets, Sets::Code(_))).map(moved(Part::CodeLastSet)).collect();
        let written = code.first().and_then(|m| m.setting.time);
        let configuration = self.last(driven, name, |sets| matches!(sets, Sets::Configuration(_)));
        let later = configuration.filter(|s| s.time > written).map(moved(Part::ConfigurationLastSet));
        let later: Vec<_> = later.collect();
        code.into_iter().chain(later).collect()
    }

    /// Of the calls of a kind about a thing, the last before it acted, and those of the same instant.
    fn last<'s>(&'s self, driven: &Driven<'_>, name: &str, kind: fn(&Sets) -> bool) -> impl Iterator<Item = &'s Setting> + use<'s> {
        let named = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let until = driven.time.map_or(i64::MIN, |t| t.saturating_add(SKEW));
        let fits = |one: &&Setting| kind(&one.sets) && one.is_in(driven) && one.time.is_some_and(|t| t <= until);
        let fit: Vec<&Setting> = named.iter().map(|at| &self.settings[*at]).filter(fits).collect();
        let last = fit.iter().map(|one| one.time).max().flatten();
        fit.into_iter().filter(move |one| one.time == last).take(MOST)
    }
}

/// Names the stacks of change sets that were carried out by their ARN alone, as the calls that made them do.
fn name_stacks(settings: &mut [Setting]) {
    for at in 0..settings.len() {
        let name = made_by(settings, at).and_then(|by| match &settings[by].sets {
            Sets::Stack(made) => Some(made.name.clone()),
            _ => None,
        });
        if let (Sets::Stack(stack), Some(name)) = (&mut settings[at].sets, name) {
            stack.name = name;
        }
    }
}

/// The call that made the change set another carries out, the last before.
fn made_by(settings: &[Setting], at: usize) -> Option<usize> {
    let (before, one) = (settings.get(..at)?, settings.get(at)?);
    let Sets::Stack(StackCall { name, carries_out: Some(set), .. }) = &one.sets else { return None };
    let fits = |other: &Setting| match &other.sets {
        Sets::Stack(StackCall { name: made_for, makes: Some(made), .. }) => {
            let by_arn = made.arn.as_ref().zip(set.arn.as_ref()).map(|(a, b)| a == b);
            let by_name = made.name == set.name && made_for == name;
            by_arn.unwrap_or(by_name) && (&other.account, &other.region) == (&one.account, &one.region)
        }
        _ => false,
    };
    before.iter().rposition(fits)
}

/// What such a call did, named by itself.
fn moved<'s>(part: Part) -> impl Fn(&'s Setting) -> Moved<'s> {
    move |setting| Moved { setting, part, basis: setting.basis, earlier: None }
}

#[cfg(test)]
mod tests;
