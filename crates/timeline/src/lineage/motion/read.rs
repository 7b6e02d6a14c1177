//! The calls that may have set something in motion, read from the store: none where nothing in the answer was done by a service, and of the
//! rest only those of the names that count.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{Array, RecordBatch};
use backtrail_model::arn::Arn;
use backtrail_model::calls::{FUNCTION_CALLS, GROUP_CALLS, INSTANCE_CALLS, STACK_CALLS, TASK_CALLS, action_name};
use backtrail_model::time::EARLIEST;
use backtrail_model::window::Window;
use datafusion::logical_expr::{Expr, lit};
use hashbrown::{HashMap, HashSet};

use super::setting::Sets;
use super::{Driven, Motions, SKEW, STACK_WORKS, Setting, What};
use crate::ends::widened;
use crate::error::TimelineError;
use crate::event::{Event, Text, times};
use crate::instants::{EVENT_ARNS, Instants, is_known_of_all};
use crate::lineage::attribution::is_auto_scaling;
use crate::lineage::{Holder, Issued, read as chains};
use crate::source::{Source, one_of, within};

/// Whoever set something in motion may have been set in motion: so often it is looked further, as deep as answers tell.
const ROUNDS: usize = 4;

/// The calls that may have set in motion what these holders did; the calls of their callers' chains are added to those known.
pub(in crate::lineage) async fn read(
    source: &Source,
    window: Option<&Window>,
    mut sought: Sought,
    issued: &mut Vec<Issued>,
) -> Result<Motions, TimelineError> {
    let (mut settings, mut asked, mut led, mut known) = (Vec::new(), Sought::default(), HashSet::new(), 0);
    if sought.groups {
        sought.begins(window.map_or(i64::MIN, Window::from));
    }
    for _ in 0..ROUNDS {
        sought.add_issued(&issued[known..]);
        known = issued.len();
        let new = sought.without(&asked);
        if !new.is_empty() {
            settings.extend(new.fetch(source, window).await?);
            asked.add(new);
        }
        let told = sought.may_be_told(&settings, &mut led);
        if told.is_empty() {
            break;
        }
        let setters: Vec<Holder> = told.iter().map(|one| one.holder.clone()).collect();
        // A launch says for which group it was.
        let mut next = Sought { groups: false, ..Sought::of(setters.iter()) };
        for group in told.iter().filter_map(|one| one.for_group()) {
            next.want(Some(group));
        }
        chains::climb(source, issued, setters, window).await?;
        sought = next;
    }
    Ok(Motions::new(settings))
}

/// What is sought: by kind, because a kind that nothing needs is not read.
#[derive(Debug, Default)]
pub(in crate::lineage) struct Sought {
    /// Earliest and latest beginning of the sessions in which CloudFormation worked.
    stacks: Option<(i64, i64)>,
    instances: Acted,
    functions: Acted,
    tasks: Acted,
    /// Names of groups stand in the calls that Auto Scaling made.
    groups: bool,
    /// When the first of it acted.
    from: Option<i64>,
}

/// When each of them acted.
type Acted = HashMap<String, BTreeSet<i64>>;

impl Sought {
    /// For what these did, as far as their own events tell.
    pub(in crate::lineage) fn of<'a>(holders: impl Iterator<Item = &'a Holder>) -> Self {
        let mut sought = Self::default();
        for holder in holders {
            sought.groups |= is_auto_scaling(holder.principal.role_arn.as_deref());
            sought.want(Driven::workload(holder));
        }
        sought
    }

    /// For the sessions that services were issued, and the workloads that had some issued.
    pub(super) fn add_issued(&mut self, issued: &[Issued]) {
        for one in issued {
            self.want(Driven::issued(one));
            self.want(Driven::workload(&one.holder));
        }
    }

    fn want(&mut self, driven: Option<Driven<'_>>) {
        // What acted at an unknown time is joined to nothing.
        let Some(Driven { what, time: Some(t), .. }) = driven else { return };
        self.begins(t);
        match what {
            What::StackRole(_) => self.stacks = widened(self.stacks, t),
            What::Instance(id) => _ = self.instances.entry(id.to_owned()).or_default().insert(t),
            What::Task(id) => _ = self.tasks.entry(id.to_owned()).or_default().insert(t),
            What::Function(name) => _ = self.functions.entry(name.to_owned()).or_default().insert(t),
            What::Group(_) => self.groups = true,
        }
    }

    fn begins(&mut self, at: i64) {
        self.from = self.from.into_iter().chain([at]).min();
    }

    /// What of it was not asked for yet.
    fn without(&self, asked: &Self) -> Self {
        let new = |sought: &Acted, asked: &Acted| -> Acted {
            let rest = |(name, times): (&String, &BTreeSet<i64>)| {
                let times: BTreeSet<i64> =
                    asked.get(name).map_or_else(|| times.clone(), |known| times.difference(known).copied().collect());
                (!times.is_empty()).then(|| (name.clone(), times))
            };
            sought.iter().filter_map(rest).collect()
        };
        let within = |(first, last): &(i64, i64)| asked.stacks.is_some_and(|(from, to)| from <= *first && *last <= to);
        Self {
            stacks: self.stacks.filter(|span| !within(span)),
            instances: new(&self.instances, &asked.instances),
            functions: new(&self.functions, &asked.functions),
            tasks: new(&self.tasks, &asked.tasks),
            groups: self.groups && !asked.groups,
            from: self.from,
        }
    }

    fn add(&mut self, other: Self) {
        let add = |all: &mut Acted, more: Acted| more.into_iter().for_each(|(name, times)| all.entry(name).or_default().extend(times));
        add(&mut self.instances, other.instances);
        add(&mut self.functions, other.functions);
        add(&mut self.tasks, other.tasks);
        self.groups |= other.groups;
        self.stacks = other.stacks.into_iter().flat_map(|(first, last)| [first, last]).fold(self.stacks, widened);
        self.from = self.from.into_iter().chain(other.from).min();
    }

    /// The calls that may be told of what is sought, each once: those made since it began to act, and of each thing the last before. All others
    /// need not be led further: a function's code was written a hundred times.
    fn may_be_told<'s>(&self, settings: &'s [Setting], led: &mut HashSet<String>) -> Vec<&'s Setting> {
        let from = self.from.unwrap_or(i64::MIN);
        let things = |one: &'s Setting| {
            let is_sought = |name: &&str| match one.sets {
                Sets::Launch { .. } | Sets::Profile(_) => self.instances.contains_key(*name),
                Sets::Tasks(_) => self.tasks.contains_key(*name),
                _ => true,
            };
            let names = one.sets.names().into_iter().filter(is_sought);
            names.map(|name| (std::mem::discriminant(&one.sets), name, one.account.as_deref(), one.region.as_deref())).collect::<Vec<_>>()
        };
        let counted: Vec<&Setting> = settings.iter().filter(|one| self.counts(one)).collect();
        let mut last: HashMap<_, i64> = HashMap::new();
        for (one, time) in counted.iter().filter_map(|one| Some((*one, one.time.filter(|t| *t < from)?))) {
            for thing in things(one) {
                last.entry(thing).and_modify(|t| *t = time.max(*t)).or_insert(time);
            }
        }
        let is_told = |one: &&'s Setting| match (&one.sets, one.time) {
            (_, None) => false,
            (Sets::Stack(_), Some(t)) => t >= from.saturating_sub(STACK_WORKS),
            (_, Some(t)) => t >= from || things(one).iter().any(|thing| last.get(thing) == Some(&t)),
        };
        counted.into_iter().filter(is_told).filter(|one| led.insert(one.reference.clone())).collect()
    }

    fn is_empty(&self) -> bool {
        self.stacks.is_none() && [&self.instances, &self.functions, &self.tasks].iter().all(|acted| acted.is_empty()) && !self.groups
    }

    /// The calls that may count, up to the end of the window: a function's code may be as old as the evidence. Stacks are built in hours.
    pub(super) async fn fetch(&self, source: &Source, window: Option<&Window>) -> Result<Vec<Setting>, TimelineError> {
        let span = window.and_then(|w| Window::between(EARLIEST, w.to()).ok());
        let mut met = Vec::new();
        if let Some((first, last)) = self.stacks {
            let to = last.saturating_add(SKEW + 1);
            let near = Window::between(first.saturating_sub(STACK_WORKS), window.map_or(to, |w| to.min(w.to()))).ok();
            if near.is_some() {
                met.extend(self.fetch_called(source, near.as_ref(), STACK_CALLS).await?);
            }
        }
        if self.groups {
            met.extend(self.fetch_called(source, span.as_ref(), GROUP_CALLS).await?);
        }
        if !self.tasks.is_empty() {
            met.extend(self.fetch_called(source, span.as_ref(), TASK_CALLS).await?);
        }
        let sought =
            [(&self.instances, INSTANCE_CALLS), (&self.functions, FUNCTION_CALLS)].into_iter().filter(|(names, _)| !names.is_empty());
        let calls: Vec<&'static str> = sought.flat_map(|(_, calls)| calls).copied().collect();
        if !calls.is_empty() {
            met.extend(match self.fetch_pivotal(source, span.as_ref(), &calls).await? {
                Some(all) => all,
                None => self.fetch_last(source, span.as_ref(), &calls).await?,
            });
        }
        Ok(met)
    }

    async fn fetch_called(&self, source: &Source, span: Option<&Window>, calls: &[&str]) -> Result<Vec<Setting>, TimelineError> {
        let mut met = Vec::new();
        source.called(span, calls, &mut |event| self.take(event, &mut met)).await?;
        Ok(met)
    }

    /// The calls, where the store keeps those of their names together, and they are not too many.
    async fn fetch_pivotal(&self, source: &Source, span: Option<&Window>, calls: &[&str]) -> Result<Option<Vec<Setting>>, TimelineError> {
        let mut met = Vec::new();
        let is_all = source.pivotal(span, calls, &mut |event| self.take(event, &mut met)).await?;
        Ok(is_all.then_some(met))
    }

    /// The calls about instances and functions: the last of each, or the last few, if these tell enough; else all.
    async fn fetch_last(&self, source: &Source, span: Option<&Window>, calls: &[&str]) -> Result<Vec<Setting>, TimelineError> {
        if let Some(named) = self.named(source, span, calls).await? {
            for most in [1, LAST] {
                let recent = named.recent(most);
                let last = self.fetch_where(source, span, called(calls).map(|called| called.and(recent.instants.condition()))).await?;
                if recent.suffice(&last) {
                    return Ok(last);
                }
            }
        }
        self.fetch_where(source, span, called(calls)).await
    }

    async fn fetch_where(&self, source: &Source, span: Option<&Window>, condition: Option<Expr>) -> Result<Vec<Setting>, TimelineError> {
        let mut met = Vec::new();
        source.few(span, condition, &mut |event| self.take(event, &mut met)).await?;
        Ok(met)
    }

    fn take(&self, event: &Event<'_>, met: &mut Vec<Setting>) -> Result<(), TimelineError> {
        if self.may_count(event) {
            met.extend(Setting::of(event).filter(|one| self.counts(one)));
        }
        Ok(())
    }

    /// When these calls named the instances and functions that are sought, by `event_arns`. None where not all events have their rows there.
    async fn named(&self, source: &Source, span: Option<&Window>, calls: &[&str]) -> Result<Option<Named<'_>>, TimelineError> {
        if !is_known_of_all(source).await? {
            return Ok(None);
        }
        let failed = TimelineError::table(EVENT_ARNS);
        let names = one_of("name", self.instances.keys().chain(self.functions.keys()));
        // Two conditions on a column each, by which the reader skips; that a function has no launch need not be said.
        let condition = [names, called(calls), span.map(within)].into_iter().flatten().reduce(Expr::and).unwrap_or_else(|| lit(false));
        let frame = source.table(EVENT_ARNS).await?.filter(condition).map_err(&failed)?;
        let frame = frame.select_columns(&["event_time", "arn", "name", "event_name"]).map_err(&failed)?;
        let mut named = Named { sought: self, calls: BTreeMap::new() };
        Source::batches(EVENT_ARNS, frame, &mut |batch| named.take(batch)).await?;
        Ok(Some(named))
    }

    /// Whether an event may be one that counts, told without parsing its answer: launches are many, and their answers long.
    fn may_count(&self, event: &Event<'_>) -> bool {
        event.event_name != Some("RunInstances")
            || event.response_elements.is_some_and(|text| ids(text).any(|id| self.instances.contains_key(id)))
    }

    fn counts(&self, one: &Setting) -> bool {
        match &one.sets {
            Sets::Stack(_) => self.stacks.is_some(),
            Sets::Launch { instances, .. } => instances.iter().any(|id| self.instances.contains_key(id)),
            Sets::Profile(id) => self.instances.contains_key(id),
            Sets::Tasks(ids) => ids.iter().any(|id| self.tasks.contains_key(id)),
            Sets::Group(_) => self.groups,
            Sets::Code(name) | Sets::Configuration(name) => self.functions.contains_key(name),
        }
    }
}

fn called(calls: &[&str]) -> Option<Expr> {
    one_of("event_name", calls.iter().copied())
}

/// When things were set up anew after these calls, by the calls' citations: what acted later was set up by others. Nothing of what was not set
/// again, nor where it is not known of all events what they touched.
pub(super) async fn set_anew(source: &Source, settings: &[Setting]) -> Result<HashMap<String, i64>, TimelineError> {
    let mut sought = Sought::default();
    for setting in settings {
        match &setting.sets {
            Sets::Code(name) | Sets::Configuration(name) => sought.want(setting.time.map(|t| Driven::at(What::Function(name), t))),
            Sets::Profile(id) => sought.want(setting.time.map(|t| Driven::at(What::Instance(id), t))),
            // A task is started once, like an instance.
            Sets::Stack(_) | Sets::Launch { .. } | Sets::Tasks(_) | Sets::Group(_) => {}
        }
    }
    if sought.is_empty() {
        return Ok(HashMap::new());
    }
    let calls = [INSTANCE_CALLS, FUNCTION_CALLS].concat();
    let later = match sought.fetch_pivotal(source, None, &calls).await? {
        Some(all) => all,
        None => {
            let Some(named) = sought.named(source, None, &calls).await? else { return Ok(HashMap::new()) };
            let next = named.next();
            sought.fetch_where(source, None, called(&calls).map(|called| called.and(next.condition()))).await?
        }
    };
    let anew = |one: &Setting| {
        let is_same = |other: &&Setting| other.is_of_same(one) && other.time.zip(one.time).is_some_and(|(later, set)| later > set);
        let time = later.iter().filter(is_same).filter_map(|other| other.time).min()?;
        Some((one.reference.clone(), time))
    };
    Ok(settings.iter().filter_map(anew).collect())
}

/// So many calls before something acted are looked at where the last one was not carried out: of all, the last that was counts, and most are.
const LAST: usize = 4;

/// A thing and a call about it: its ARN, its name, the call's name.
type Call = (String, String, String);

/// When calls named what is sought.
struct Named<'s> {
    sought: &'s Sought,
    calls: BTreeMap<Call, BTreeSet<i64>>,
}

impl Named<'_> {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), TimelineError> {
        let text = |column| Text::of(batch, EVENT_ARNS, column);
        let (time, arn) = (times(batch, EVENT_ARNS, "event_time")?, text("arn")?);
        let (name, call) = (text("name")?, text("event_name")?);
        let own = |text: &Text<'_>, row| text.get(row).unwrap_or_default().to_owned();
        for row in (0..batch.num_rows()).filter(|row| !time.is_null(*row)) {
            self.calls.entry((own(&arn, row), own(&name, row), own(&call, row))).or_default().insert(time.value(row));
        }
        Ok(())
    }

    /// The times for which calls about a thing are sought.
    fn sought_of(&self, (_, name, _): &Call) -> impl Iterator<Item = &i64> {
        [&self.sought.instances, &self.sought.functions].into_iter().filter_map(|acted| acted.get(name)).flatten()
    }

    /// Of each thing, the next few calls after each time.
    fn next(&self) -> Instants {
        let mut instants = Instants::default();
        for (call, times) in &self.calls {
            for at in self.sought_of(call) {
                times.range(at + 1..).take(LAST).for_each(|time| instants.add(Some(*time)));
            }
        }
        instants
    }

    /// Of each thing, the last calls before each time it acted, so many at most.
    fn recent(&self, most: usize) -> Recent {
        let mut recent = Recent::default();
        for (call, times) in &self.calls {
            for at in self.sought_of(call) {
                let mut before = times.range(..=at.saturating_add(SKEW)).rev();
                let taken: Vec<i64> = before.by_ref().take(most).copied().collect();
                taken.iter().for_each(|time| recent.instants.add(Some(*time)));
                if let (Some(earliest), Some(_)) = (taken.last(), before.next()) {
                    recent.cut.push((call.clone(), *earliest, at.saturating_add(SKEW)));
                }
            }
        }
        recent
    }
}

/// When the calls were that may count.
#[derive(Debug, Default)]
struct Recent {
    instants: Instants,
    /// Before the first of these times, and up to the second, calls were left out.
    cut: Vec<(Call, i64, i64)>,
}

impl Recent {
    /// Whether, wherever calls were left out, a later one was carried out.
    fn suffice(&self, met: &[Setting]) -> bool {
        let is_met = |((arn, name, call), from, to): &(Call, i64, i64)| {
            let Some(arn) = Arn::parse(arn) else { return false };
            let is_of = |one: &Setting| one.account.as_deref() == Some(arn.account()) && one.region.as_deref() == Some(arn.region());
            let is_call = |one: &Setting| action_name(&one.event_name) == action_name(call) && one.sets.names().contains(&name.as_str());
            met.iter().any(|one| is_of(one) && is_call(one) && one.time.is_some_and(|t| *from <= t && t <= *to))
        };
        self.cut.iter().all(is_met)
    }
}

/// Ids of instances in a text.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("\"i-").map(|(at, _)| {
        let id = &text[at + 1..];
        &id[..id.find('"').unwrap_or(id.len())]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::made::START;
    use crate::lineage::motion::tests::{by_user, setting};
    use backtrail_model::time::MICROS_PER_HOUR;
    use serde_json::json;

    #[test]
    fn only_calls_that_may_be_told_are_led_further() {
        let written = |id: &str, hours: i64, function: &str| {
            let request = json!({"functionName": function});
            setting(by_user("alice"), id, START + hours * MICROS_PER_HOUR, "lambda:UpdateFunctionCode", &request, &json!(null))
        };
        let settings = [written("old", -9, "fn"), written("last", -1, "fn"), written("since", 1, "fn"), written("other", 1, "another")];
        let functions = acted("fn", START);
        let sought = Sought { functions, from: Some(START), ..Sought::default() };
        let mut led = HashSet::new();
        let told = |led: &mut HashSet<String>| sought.may_be_told(&settings, led).iter().map(|s| s.reference.clone()).collect::<Vec<_>>();
        assert_eq!(told(&mut led), ["last", "since"]);
        assert!(told(&mut led).is_empty(), "each is led further once");
    }

    #[test]
    fn what_was_asked_for_is_asked_again_for_another_time_it_acted() {
        let sought = |at: i64| Sought { functions: acted("fn", at), from: Some(at), ..Sought::default() };
        let mut asked = Sought::default();
        asked.add(sought(START));
        assert!(sought(START).without(&asked).is_empty());
        let again = sought(START - 1).without(&asked);
        assert_eq!(again.functions, acted("fn", START - 1), "only the last calls before were read");
        asked.add(again);
        assert!(sought(START - 1).without(&asked).is_empty() && sought(START).without(&asked).is_empty());
    }

    #[test]
    fn the_last_calls_before_each_time_something_acted_are_read() {
        let mut sought = Sought { functions: acted("fn", 100), ..Sought::default() };
        sought.functions.entry("fn".to_owned()).or_default().insert(10_000_000);
        let call =
            ("arn:aws:lambda:eu-west-1:111122223333:function:fn".to_owned(), "fn".to_owned(), "UpdateFunctionCode20150331v2".to_owned());
        let other = (call.0.clone(), "another".to_owned(), call.2.clone());
        let times = (0..20).map(|n| n * 1_000_000).collect::<BTreeSet<i64>>();
        let named = Named { sought: &sought, calls: BTreeMap::from([(call.clone(), times.clone()), (other, times)]) };
        let recent = named.recent(LAST);
        // Clocks may differ by two seconds.
        let read: Vec<i64> = (0..20).map(|n| n * 1_000_000).filter(|t| recent.instants.holds(Some(*t))).collect();
        assert_eq!(read, [0, 1_000_000, 2_000_000, 9_000_000, 10_000_000, 11_000_000, 12_000_000]);
        assert_eq!(recent.cut, [(call, 9_000_000, 10_000_000 + SKEW)], "before the first time nothing was left out");
    }

    fn acted(name: &str, at: i64) -> Acted {
        HashMap::from([(name.to_owned(), BTreeSet::from([at]))])
    }

    #[test]
    fn ids_of_instances_in_a_text() {
        assert_eq!(ids(r#"{"a":"i-0123","b":["i-4567"],"c":"ami-89"}"#).collect::<Vec<_>>(), ["i-0123", "i-4567"]);
    }
}
