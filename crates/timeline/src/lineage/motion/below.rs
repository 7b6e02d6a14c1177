//! The other way: from calls that set something up to the sessions in which it acted.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray};
use backtrail_model::arn::Arn;
use backtrail_model::time::format_instant;
use backtrail_model::window::Window;
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::logical_expr::{Expr, col, lit};
use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use super::read::set_anew;
use super::setting::{Sets, stack_of};
use super::{Driven, MotionBasis, Motions, Moved, Part, SKEW, STACK_WORKS, Setting, Sought, What};
use crate::error::TimelineError;
use crate::event::Event;
use crate::lineage::Lineage;
use crate::lineage::read::{below, lineage_of, made_by};
use crate::lineage::wanted::Caller;
use crate::source::{Source, decided, instant, time_type, within};

/// How a call set a service or workload in motion, which then acted in a session of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetInMotion {
    /// What the call did.
    pub part: Part,
    /// What names the thing.
    pub basis: MotionBasis,
    /// The thing, as in `stack web`, `instance i-0abc`.
    pub subject: String,
    /// The call.
    pub event_name: String,
    /// When.
    pub event_time: Option<String>,
    /// Citations: the call, and the earlier one that named the role.
    pub refs: Vec<String>,
}

/// What services did on what some calls had set up.
#[derive(Debug)]
pub(crate) enum SetOff {
    /// Nothing, as far as evidence shows.
    Nothing,
    /// More than is followed.
    TooMuch,
    /// Sessions.
    Sessions(Box<Sessions>),
}

/// Sessions in which services acted, and what descends from these.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// All calls that issued any of them.
    pub(crate) lineage: Lineage,
    /// Of the services' sessions, by the citation of the call that issued them.
    pub(crate) sessions: HashMap<String, Session>,
}

/// A service's session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The calls that set it in motion, of those asked about.
    pub(crate) by: Vec<SetInMotion>,
    /// Where stacks of others fit as well: those that calls asked about were about.
    pub(crate) stacks: Option<BTreeSet<String>>,
}

/// Whether an event of a session that several stacks may have begun counts for some of them: unless a tag of the thing made names another.
pub(crate) fn is_of_stacks(event: &Event<'_>, stacks: Option<&BTreeSet<String>>) -> bool {
    stacks.is_none_or(|stacks| stack_of(event).is_none_or(|stack| stacks.contains(&stack)))
}

impl SetOff {
    /// By these calls, as far as `counts` lets their parts count; so many sessions are looked at.
    pub(crate) async fn by(
        source: &Source,
        settings: &[Setting],
        window: Option<&Window>,
        counts: fn(Part) -> bool,
        most: usize,
    ) -> Result<Self, TimelineError> {
        let anew = set_anew(source, settings).await?;
        let Some(condition) = may_be_driven(settings, &anew, window) else { return Ok(Self::Nothing) };
        let Some(mut met) = made_by(source, condition, &|_| true, most).await? else { return Ok(Self::TooMuch) };
        met.retain(|one| Driven::issued(one).is_some_and(|driven| settings.iter().any(|setting| setting.may_drive(&driven))));
        let mut sought = Sought::default();
        sought.add_issued(&met);
        // Calls of others may have set the same thing up since, or another stack with the same role.
        let motions = Motions::new(sought.fetch(source, window).await?);
        let asked: HashSet<&str> = settings.iter().map(|setting| setting.reference.as_str()).collect();
        let mut sessions: HashMap<String, Session> = HashMap::new();
        met.retain(|one| {
            let session = Driven::issued(one).map(|driven| Session::of(&motions.of(&driven), &driven, &asked, counts)).unwrap_or_default();
            let is_driven = !session.by.is_empty();
            sessions.extend(one.refs.first().filter(|_| is_driven).map(|reference| (reference.clone(), session)));
            is_driven
        });
        if met.is_empty() {
            return Ok(Self::Nothing);
        }
        let made = below(source, met.iter().map(Caller::issued), None, most).await?;
        if met.len() + made.len() >= most {
            return Ok(Self::TooMuch);
        }
        let lineage = lineage_of(source, met.into_iter().chain(made).collect());
        Ok(Self::Sessions(Box::new(Sessions { lineage, sessions })))
    }
}

impl Session {
    fn of(moved: &[Moved<'_>], driven: &Driven<'_>, asked: &HashSet<&str>, counts: fn(Part) -> bool) -> Self {
        let is_asked = |one: &&Moved<'_>| asked.contains(one.setting.reference.as_str());
        let stack = |one: &Moved<'_>| if let Sets::Stack(stack) = &one.setting.sets { Some(stack.name.clone()) } else { None };
        let stacks: BTreeSet<String> = moved.iter().filter_map(stack).collect();
        Self {
            by: moved.iter().filter(is_asked).filter(|one| counts(one.part)).map(|one| one.by_itself(&driven.what)).collect(),
            stacks: (stacks.len() > 1).then(|| moved.iter().filter(is_asked).filter_map(stack).collect()),
        }
    }
}

impl Moved<'_> {
    /// The call without who made it.
    fn by_itself(&self, subject: &What<'_>) -> SetInMotion {
        let refs = std::iter::once(self.setting).chain(self.earlier).map(|one| one.reference.clone()).collect();
        SetInMotion {
            part: self.part,
            basis: self.basis,
            subject: self.subject(subject),
            event_name: self.setting.event_name.clone(),
            event_time: self.setting.time.map(format_instant),
            refs,
        }
    }
}

impl Setting {
    /// Whether it may have set this in motion; the rules of [`Motions::of`] decide.
    fn may_drive(&self, driven: &Driven<'_>) -> bool {
        match (&self.sets, driven.what) {
            (Sets::Stack(_), What::StackRole(_)) => {
                self.is_in(driven) && self.time.zip(driven.time).is_some_and(|(set, began)| is_near(set, began))
            }
            (Sets::Stack(_), _) | (_, What::StackRole(_)) => false,
            (sets, What::Instance(name) | What::Task(name) | What::Function(name) | What::Group(name)) => sets.names().contains(&name),
        }
    }
}

/// Whether a session of a stack's role began while the stack may have been in progress.
fn is_near(set: i64, began: i64) -> bool {
    set <= began.saturating_add(SKEW) && began.saturating_sub(set) <= STACK_WORKS
}

/// A condition on calls by which services were issued sessions that these calls may have set in motion; `None` where none can have been.
fn may_be_driven(settings: &[Setting], anew: &HashMap<String, i64>, window: Option<&Window>) -> Option<Expr> {
    let first = settings.iter().filter_map(|setting| setting.time).min()?;
    // Of each thing: from when, and until when if it was set up anew.
    let mut names: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
    for (setting, set) in settings.iter().filter_map(|setting| Some((setting, setting.time?))) {
        let until = anew.get(&setting.reference).copied().unwrap_or(i64::MAX);
        let span = (set.saturating_sub(SKEW), until.saturating_add(SKEW));
        setting.sets.names().into_iter().for_each(|name| names.entry_ref(name).or_default().push(span));
    }
    let is_stack = |setting: &&Setting| matches!(setting.sets, Sets::Stack(_));
    let stacks: BTreeSet<i64> = settings.iter().filter(is_stack).filter_map(|setting| setting.time).collect();
    let columns = [("issued_arn", DataType::Utf8View), ("event_time", time_type())];
    let is_driven = decided("may_be_driven", &columns, move |columns| {
        let (arns, times) = (columns.first()?.as_string_view_opt()?, columns.get(1)?.as_primitive_opt::<TimestampMicrosecondType>()?);
        let is_named = |row: usize| {
            let (_, session) = Arn::parse(arns.value(row)).and_then(|arn| arn.role_session())?;
            let began = (!times.is_null(row)).then(|| times.value(row))?;
            names.get(session).map(|spans| spans.iter().any(|(from, until)| *from <= began && began <= *until))
        };
        let is_by_stack = |row: usize| {
            let began = times.value(row);
            let last = stacks.range(..=began.saturating_add(SKEW)).next_back();
            !times.is_null(row) && last.is_some_and(|set| is_near(*set, began))
        };
        let decide = |row: usize| Some(!arns.is_null(row) && (is_by_stack(row) || is_named(row) == Some(true)));
        Some((0..arns.len()).map(decide).collect::<BooleanArray>())
    });
    let by_service = col("user_identity_type").eq(lit("AWSService"));
    let since = col("event_time").gt_eq(instant(first.saturating_sub(SKEW)));
    Some(window.map(within).into_iter().chain([since, is_driven]).fold(by_service, Expr::and))
}
