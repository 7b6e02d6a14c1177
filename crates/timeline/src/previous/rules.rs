//! The rules of one resource that are in force, as far as calls tell.

use std::sync::Arc;

use super::{InForce, SetBy};
use crate::summary::Rule;

/// Rules in force, and what was taken away in the same second.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) in_force: Vec<Since>,
    gone: Vec<(i64, Rule, String)>,
}

/// A rule, and since when.
#[derive(Debug)]
pub(super) struct Since {
    pub(super) time: i64,
    pub(super) told: InForce,
}

impl Rules {
    /// Opens and closes. Times are of whole seconds: of an opening and a closing in one second, which came last is not known.
    pub(super) fn apply(&mut self, rules: &[Rule], time: i64, set_by: &SetBy) {
        self.gone.retain(|(when, ..)| *when == time);
        let known: Vec<Rule> = rules.iter().map(|rule| self.with_direction(rule)).collect();
        for rule in &known {
            let gone = &mut self.gone;
            self.in_force.retain_mut(|since| match rule.is_at_place_of(&since.told.rule) {
                Some(false) => true,
                Some(true) if since.time < time || since.told.reference == set_by.reference => false,
                Some(true) if !rule.is_removal() => {
                    gone.push((time, since.told.rule.clone(), since.told.reference.clone()));
                    false
                }
                // What is opened by its ports and other side closes nothing else.
                None if !rule.is_removal() && rule.direction.is_some() => true,
                // Which rule is meant is not known, or which of the two calls came last.
                _ => {
                    since.told.perhaps_closed_by = Some(set_by.reference.clone());
                    true
                }
            });
        }
        for rule in known {
            if rule.is_removal() {
                self.gone.push((time, rule, set_by.reference.clone()));
            } else {
                self.open(rule, time, set_by);
            }
        }
    }

    fn open(&mut self, rule: Rule, time: i64, set_by: &SetBy) {
        let rival = self.gone.iter().find(|(_, gone, by)| *by != set_by.reference && gone.is_at_place_of(&rule) == Some(true));
        let told = InForce {
            perhaps_closed_by: rival.map(|(.., by)| by.clone()),
            rule,
            event_time: set_by.event_time.clone(),
            actor: Arc::clone(&set_by.actor),
            reference: set_by.reference.clone(),
            changed_by: None,
        };
        self.in_force.push(Since { time, told });
    }

    /// A rule that was changed by its id keeps the direction it had.
    fn with_direction(&self, rule: &Rule) -> Rule {
        let had = || self.in_force.iter().find(|since| rule.id.is_some() && since.told.rule.id == rule.id);
        Rule { direction: rule.direction.or_else(|| had()?.told.rule.direction), ..rule.clone() }
    }

    /// The resource is gone, and its rules with it.
    pub(super) fn end(&mut self) {
        self.in_force.clear();
    }

    /// Notes the first call at or after the instant that closed or replaced each.
    pub(super) fn change(&mut self, rules: &[Rule], ended: bool, set_by: &SetBy) {
        for since in self.in_force.iter_mut().filter(|since| since.told.changed_by.is_none()) {
            if ended || rules.iter().any(|rule| rule.is_at_place_of(&since.told.rule) == Some(true)) {
                since.told.changed_by = Some(set_by.reference.clone());
            }
        }
    }

    /// A call may have changed any of them.
    pub(super) fn doubt(&mut self, reference: &str) {
        for since in &mut self.in_force {
            since.told.perhaps_closed_by = Some(reference.to_owned());
        }
    }
}
