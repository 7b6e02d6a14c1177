//! What calls made of one resource, in order of time.

use std::collections::BTreeMap;

use backtrail_model::arn::Arn;

use super::property::Set;
use super::rules::Rules;
use super::{Known, Property, SetBy};
use crate::summary::Rule;

/// A call that acted on the resource.
pub(super) struct Call<'a> {
    pub(super) time: i64,
    pub(super) is_before: bool,
    pub(super) set_by: &'a SetBy,
    pub(super) rules: &'a [Rule],
    pub(super) sets: Vec<Set>,
    /// Whether it made the resource, or ended it.
    pub(super) made: bool,
    pub(super) ended: bool,
    /// Whether it left what it does not name as it was.
    pub(super) is_partial: bool,
    /// Whether it takes something away.
    pub(super) removes: bool,
    /// How the properties begin that it replaces all of.
    pub(super) replaces: Option<&'static str>,
}

/// What is known of one resource.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) known: Known,
    ended_at: Option<i64>,
    made_at: Option<i64>,
    /// Whether it was there before the call that made or ended it last.
    was_there: bool,
    pub(super) properties: BTreeMap<String, Property>,
    pub(super) rules: Rules,
    /// When each property was set last, and how often in all.
    times: BTreeMap<String, (i64, u64)>,
    /// The part each is a parameter of, where it is one of a part.
    parts: BTreeMap<String, String>,
}

impl Told {
    pub(super) fn of(arn: String) -> Self {
        let known = Known { arn, made_by: None, deleted_by: None, made_again_before: None, changed_by: None };
        let (properties, rules) = (BTreeMap::new(), Rules::default());
        Self { known, ended_at: None, made_at: None, was_there: false, properties, rules, times: BTreeMap::new(), parts: BTreeMap::new() }
    }

    /// Takes the next call, in order of time.
    pub(super) fn take(&mut self, call: Call<'_>) {
        if call.is_before { self.set(call) } else { self.change(call) }
    }

    fn set(&mut self, call: Call<'_>) {
        if !call.made && !call.ended && self.ended_at.is_some_and(|ended| ended < call.time) && self.is_named() {
            self.made_again_before(&call);
        }
        if call.made {
            self.made(&call);
        }
        if call.ended {
            self.ended(&call);
        }
        if let Some(lead) = call.replaces {
            self.properties.retain(|name, _| !name.starts_with(lead));
        }
        self.rules.apply(call.rules, call.time, call.set_by);
        for set in &call.sets {
            self.set_one(set, &call);
        }
        if call.is_partial {
            self.doubt_siblings(&call);
        }
    }

    /// It was made. What went by this name before was another resource.
    fn made(&mut self, call: &Call<'_>) {
        // Of a making and an ending in one second the records do not tell which came first. What was there before was ended first, for it could not be
        // made again otherwise; what was not there was made first.
        let is_one_second = self.ended_at == Some(call.time);
        if is_one_second && !self.was_there {
            self.known.made_by = Some(call.set_by.clone());
            return;
        }
        match self.ended_at {
            Some(_) => self.forget(),
            None => self.was_there = self.is_there(),
        }
        self.made_at = Some(call.time);
        self.known.made_by = Some(call.set_by.clone());
        (self.known.deleted_by, self.known.made_again_before) = (None, None);
        self.ended_at = None;
    }

    fn ended(&mut self, call: &Call<'_>) {
        if self.made_at == Some(call.time) && self.was_there {
            let made_by = self.known.made_by.as_ref().map(|made| made.reference.clone());
            self.properties.retain(|_, property| property.set_by.as_ref().map(|set| &set.reference) == made_by.as_ref());
            return;
        }
        if self.ended_at.is_none() {
            self.was_there = self.is_there() && self.made_at != Some(call.time);
        }
        self.known.deleted_by = Some(call.set_by.clone());
        self.known.made_again_before = None;
        self.ended_at = Some(call.time);
        self.rules.end();
    }

    /// Whether a call is known to have acted on it.
    fn is_there(&self) -> bool {
        self.known.made_by.is_some() || !self.properties.is_empty() || !self.rules.in_force.is_empty()
    }

    /// Whether another one may go by its name: EC2 gives no id twice, and lets what is gone be tagged for a while.
    fn is_named(&self) -> bool {
        Arn::parse(&self.known.arn).is_some_and(|arn| arn.service() != "ec2")
    }

    fn forget(&mut self) {
        self.properties.clear();
        self.times.clear();
        self.rules = Rules::default();
    }

    /// A call acted on what was deleted before: it was made again, by a call that is not in evidence.
    fn made_again_before(&mut self, call: &Call<'_>) {
        self.forget();
        self.ended_at = None;
        self.known.made_by = None;
        self.known.made_again_before = Some(call.set_by.reference.clone());
    }

    fn set_one(&mut self, set: &Set, call: &Call<'_>) {
        if !call.is_partial {
            // A part that is set or removed as a whole keeps nothing of what was set of it before.
            let parts = &self.parts;
            self.properties.retain(|name, property| parts.get(name) != Some(&set.name) || property.set_by.is_none());
        }
        if set.is_bare && call.removes {
            // Which of several parts was taken away is not told.
            let below = format!("{} ", set.name);
            for (_, property) in self.properties.iter_mut().filter(|(name, _)| name.starts_with(&below)) {
                property.perhaps_set_by = Some(call.set_by.reference.clone());
            }
        }
        self.parts.extend(set.part.clone().map(|part| (set.name.clone(), part)));
        let last = self.times.get(&set.name).copied();
        let property = self.property(set);
        let known = property.set_by.as_ref().filter(|known| known.reference != call.set_by.reference);
        if known.is_some() || property.set_by.is_none() {
            let before = last.filter(|_| known.is_some()).map_or(0, |(_, times)| times);
            // Times are of whole seconds: of two calls in one second, which came last is not known.
            let is_in_one_second = last.is_some_and(|(time, _)| time == call.time);
            let rival = known.filter(|_| is_in_one_second).map(|rival| rival.reference.clone());
            // A rival is told as one, and not as an earlier call.
            let one_before = known.filter(|_| rival.is_none()).map(|known| known.reference.clone());
            property.earlier = before - u64::from(rival.is_some());
            property.earlier_ref = one_before.or_else(|| property.earlier_ref.take()).filter(|_| property.earlier > 0);
            property.perhaps_set_by = rival;
            self.times.insert(set.name.clone(), (call.time, before + 1));
        }
        let property = self.property(set);
        property.set_by = Some(call.set_by.with(set.value.clone()));
    }

    /// A call that sets a parameter, or parts of it, may have replaced it as a whole: what it was set to before in other parts is in doubt.
    fn doubt_siblings(&mut self, call: &Call<'_>) {
        for set in &call.sets {
            let parameter = set.within.as_ref().unwrap_or(&set.name);
            let is_part = |name: &str| name.strip_prefix(parameter.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']));
            for (name, property) in self.properties.iter_mut().filter(|(name, _)| is_part(name)) {
                if !call.sets.iter().any(|set| set.name == *name) {
                    property.perhaps_set_by = Some(call.set_by.reference.clone());
                }
            }
        }
    }

    fn change(&mut self, call: Call<'_>) {
        if (call.made || call.ended) && self.known.changed_by.is_none() {
            self.known.changed_by = Some(call.set_by.clone());
        }
        self.rules.change(call.rules, call.ended, call.set_by);
        if let Some(lead) = call.replaces {
            let replaced = self.properties.iter_mut().filter(|(name, property)| name.starts_with(lead) && property.changed_by.is_none());
            replaced.for_each(|(_, property)| property.changed_by = Some(call.set_by.clone()));
        }
        for set in &call.sets {
            if !call.is_partial {
                let parts = &self.parts;
                let own = self.properties.iter_mut().filter(|(name, _)| parts.get(*name) == Some(&set.name));
                own.for_each(|(_, property)| property.change(call.set_by, set));
            }
            self.property(set).change(call.set_by, set);
        }
    }

    fn property(&mut self, set: &Set) -> &mut Property {
        let resource = &self.known.arn;
        self.properties.entry(set.name.clone()).or_insert_with(|| Property {
            resource: resource.clone(),
            property: set.name.clone(),
            set_by: None,
            perhaps_set_by: None,
            earlier: 0,
            earlier_ref: None,
            changed_by: None,
        })
    }

    /// A call may have changed its rules, without saying which.
    pub(super) fn doubt_rules(&mut self, reference: &str) {
        self.rules.doubt(reference);
    }
}

impl Property {
    fn change(&mut self, set_by: &SetBy, set: &Set) {
        if self.changed_by.is_none() {
            self.changed_by = Some(set_by.with(set.value.clone()));
        }
    }
}

impl SetBy {
    /// The call as what set one parameter.
    fn with(&self, value: Option<serde_json::Value>) -> Self {
        Self { value, ..self.clone() }
    }
}
