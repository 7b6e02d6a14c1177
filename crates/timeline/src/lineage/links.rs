//! The rules that join a use of credentials to the call that issued them (design.md section 5; domain reference 2.3).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use backtrail_model::arn::Arn;
use backtrail_model::issuance::{GET_SIGNIN_TOKEN, Issuance, is_access_key_id, is_portal, is_sign_in, portal_target, sets_password};
use backtrail_model::time::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_SECOND};
use hashbrown::HashMap;
use serde::Serialize;

use crate::lineage::holder::second;
use crate::lineage::origin::set_of_role;
use crate::lineage::{Holder, Issued, PasswordEnds};
use crate::principal::{Principal, PrincipalKind};

/// Clocks of services differ by about so much: a use may bear a time before that of its issue.
const SKEW: i64 = 2 * MICROS_PER_SECOND;
/// A console session's credentials are made within moments of the sign-in.
const MOMENTS: i64 = 5 * MICROS_PER_SECOND;
/// A console session keeps the creation time it began with: that of its sign-in, or so long after it.
const BEGINS: i64 = 60 * MICROS_PER_SECOND;
/// A console session lasts at most so long (AWS Sign-In user guide): within it somebody may switch to a role.
const CONSOLE_SESSION: i64 = 12 * MICROS_PER_HOUR;

/// The rule of exact links.
pub(crate) const BY_KEY: &str = "access key id";
/// The rule of strong links.
pub(crate) const BY_SESSION: &str = "unique id of the session and its creation time";

/// The rule that joins a switch of roles to the sign-in before it.
const BY_SWITCH: &str = "sign-in of who switched (SwitchFrom), by time";

/// How sure a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// The key is the one the call issued.
    Exact,
    /// Unique id and creation time, or the console session, are those of the call.
    Strong,
    /// Same principal, and the time fits.
    Probable,
}

impl Strength {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Strong => "strong",
            Self::Probable => "probable",
        }
    }
}

/// A call that issued the credentials of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// The call.
    pub issued: &'a Issued,
    /// Its place among all.
    pub index: usize,
    /// How sure that is.
    pub strength: Strength,
    /// By which rule.
    pub basis: &'static str,
}

/// Everything evidence shows being issued.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    issued: Vec<Issued>,
    by_key: HashMap<String, Vec<usize>>,
    /// Sessions by unique id and second of creation: services have thousands of one id.
    by_session: HashMap<(String, i64), Vec<usize>>,
    by_sign_in: HashMap<String, Vec<usize>>,
    /// Sign-ins by the unique id and by the ARN of who signed in.
    sign_ins: HashMap<String, Vec<usize>>,
    /// Passwords set, by the user's ARN without path.
    passwords: HashMap<String, Vec<usize>>,
    /// Portal sessions of Identity Center by account and permission set.
    portal: HashMap<String, Vec<usize>>,
    /// Calls that several accounts recorded, where the caller's own record is among them.
    by_shared: HashMap<String, usize>,
    /// Callers of other calls that several accounts recorded, as their own records have them.
    callers: HashMap<String, Holder>,
    /// Users by unique id, from calls they made.
    users: HashMap<String, usize>,
    /// Sign-ins by their citations.
    sign_in_refs: HashMap<String, usize>,
    password_ends: Arc<PasswordEnds>,
}

impl Lineage {
    /// Of these calls, in any order.
    #[must_use]
    pub fn new(issued: Vec<Issued>) -> Self {
        let mut all = Self { issued: as_one_call(issued), ..Self::default() };
        for (index, one) in all.issued.iter().enumerate() {
            let file = |map: &mut HashMap<String, Vec<usize>>, key: &Option<String>| {
                if let Some(key) = key {
                    map.entry(key.clone()).or_default().push(index);
                }
            };
            if let Some(shared) = one.shared_event_id.clone().filter(|_| is_callers(one)) {
                all.by_shared.insert(shared, index);
            }
            if let Some(id) = one.holder.principal.principal_id.clone().filter(|_| one.holder.principal.kind == PrincipalKind::IamUser) {
                all.users.entry(id).or_insert(index);
            }
            match one.what.method {
                method if sets_password(method) => file(&mut all.passwords, &one.what.arn),
                method if is_portal(method) => file(&mut all.portal, &one.what.arn),
                method if is_sign_in(method) => {
                    all.sign_in_refs.extend(one.refs.iter().map(|reference| (reference.clone(), index)));
                    file(&mut all.by_sign_in, &one.holder.sign_in_session_arn);
                    file(&mut all.sign_ins, &one.what.principal_id);
                    file(&mut all.sign_ins, &one.what.arn);
                }
                // The session that it opens bears the caller's own unique id and creation.
                GET_SIGNIN_TOKEN => file(&mut all.by_key, &one.what.access_key_id.clone().filter(|_| !one.hands_on_its_own())),
                _ => {
                    file(&mut all.by_key, &one.what.access_key_id);
                    if let Some(session) = one.what.principal_id.clone().zip(one.time.map(second)) {
                        all.by_session.entry(session).or_default().push(index);
                    }
                }
            }
        }
        all
    }

    /// With those who made calls that other accounts recorded, too, by `sharedEventID`.
    pub(super) fn with_callers(self, callers: HashMap<String, Holder>) -> Self {
        Self { callers, ..self }
    }

    /// With what is known to have ended passwords.
    pub(super) fn with_password_ends(self, password_ends: Arc<PasswordEnds>) -> Self {
        Self { password_ends, ..self }
    }

    /// All calls, in the order of time.
    #[must_use]
    pub fn issued(&self) -> &[Issued] {
        &self.issued
    }

    /// Whom another account's record means, which names the caller by its unique id alone: the caller as its own record of the same call has it,
    /// else the user with that id, whose keys stay unknown.
    #[must_use]
    pub fn in_full(&self, holder: Holder, shared_event_id: Option<&str>) -> Holder {
        if holder.principal.kind != PrincipalKind::Account {
            return holder;
        }
        let id = holder.principal.principal_id.as_deref();
        let of_shared = |shared| self.by_shared.get(shared).map(|i| &self.issued[*i].holder).or_else(|| self.callers.get(shared));
        let own = shared_event_id.and_then(of_shared);
        if let Some(own) = own.filter(|o| id.is_none() || o.principal.principal_id.as_deref() == id) {
            return own.clone();
        }
        match id.and_then(|id| self.users.get(id)).map(|i| &self.issued[*i].holder.principal) {
            Some(user) => {
                let principal = Principal { access_key_id: None, mfa: None, from_console: None, invoked_by: None, ..user.clone() };
                Holder { principal, ..holder }
            }
            None => holder,
        }
    }

    /// The calls that may have issued what a principal used at some time: none, one, or all that fit equally well.
    #[must_use]
    pub fn parents(&self, holder: &Holder, at: Option<i64>) -> Vec<Link<'_>> {
        self.parents_besides(holder, at, None)
    }

    /// The call that is this sign-in, told by its citation: its record bears what its session is known by, and is not what it was made with.
    pub(super) fn sign_in(&self, citation: Option<&str>) -> Option<usize> {
        citation.and_then(|reference| self.sign_in_refs.get(reference)).copied()
    }

    /// The same of one of these calls, which did not issue what it was made with itself.
    fn parents_besides(&self, holder: &Holder, at: Option<i64>, own: Option<usize>) -> Vec<Link<'_>> {
        let is_later = |i: &usize| matches!((self.issued[*i].time, at), (Some(issued), Some(at)) if issued > at.saturating_add(SKEW));
        let before = |i: &usize| Some(*i) != own && !is_later(i);
        let by_key = self.with_key(holder, at, own, &before);
        if !by_key.is_empty() {
            return self.links(by_key, Strength::Exact, BY_KEY);
        }
        let by_session = self.of_session(holder, &before);
        if !by_session.is_empty() {
            return self.links(by_session, Strength::Strong, BY_SESSION);
        }
        let sign_in = listed(&self.by_sign_in, holder.sign_in_session_arn.as_deref());
        let sign_in: Vec<usize> = sign_in.iter().copied().filter(before).collect();
        if !sign_in.is_empty() {
            return self.links(self.latest(sign_in), Strength::Strong, "console session (signInSessionArn)");
        }
        // What opens a console session is not made in one; a token for the command line is.
        let opens = own.map_or(holder.signs_in, |own| matches!(self.issued[own].what.method, "ConsoleLogin" | "SwitchRole"));
        let console = if opens { Vec::new() } else { self.of_console(holder, &before) };
        if !console.is_empty() {
            return self.links(console, Strength::Probable, "sign-in of the same principal, by time");
        }
        let begun = self.begun_with(holder, &before);
        if !begun.is_empty() {
            return self.links(begun, Strength::Probable, "session of the same unique id, issued at the sign-in");
        }
        self.links(self.of_password(holder, at, &before), Strength::Probable, "password set for the user")
    }

    /// The calls that may have issued the credentials an issuing call was made with.
    #[must_use]
    pub fn parents_of(&self, index: usize) -> Vec<Link<'_>> {
        self.issued.get(index).map_or_else(Vec::new, |one| self.parents_of_one(one, Some(index)))
    }

    /// The same of any call that issued something.
    pub(super) fn parents_of_call(&self, one: &Issued) -> Vec<Link<'_>> {
        self.parents_of_one(one, self.sign_in(one.refs.first().map(String::as_str)))
    }

    fn parents_of_one(&self, one: &Issued, own: Option<usize>) -> Vec<Link<'_>> {
        if one.what.by_identity_center {
            return self.links(
                self.of_portal(one),
                Strength::Probable,
                "portal call of Identity Center for this account and permission set, by time",
            );
        }
        let parents = self.parents_besides(&one.holder, one.time, own);
        match one.switched_from() {
            Some(from) if parents.is_empty() => self.links(self.of_switch(from, one.time), Strength::Probable, BY_SWITCH),
            _ => parents,
        }
    }

    /// The calls it knows of.
    pub(super) fn into_issued(self) -> Vec<Issued> {
        self.issued
    }

    /// By the place of each call, the calls that may have been made with what it issued, with the link that says so.
    pub(crate) fn children(&self) -> HashMap<usize, Vec<(usize, Strength, &'static str)>> {
        let mut children: HashMap<usize, Vec<(usize, Strength, &'static str)>> = HashMap::new();
        for at in 0..self.issued.len() {
            for link in self.parents_of(at) {
                children.entry(link.index).or_default().push((at, link.strength, link.basis));
            }
        }
        children
    }

    fn links(&self, indices: Vec<usize>, strength: Strength, basis: &'static str) -> Vec<Link<'_>> {
        indices.into_iter().map(|index| Link { issued: &self.issued[index], index, strength, basis }).collect()
    }

    /// A key id is unique enough to need no more, where it is one; but examples and copied ids exist: the account must be that of the
    /// session, and its creation, if stated, that of the call. A pipeline may have lost the call's own time: a day is allowed.
    fn with_key(&self, holder: &Holder, at: Option<i64>, own: Option<usize>, before: &dyn Fn(&usize) -> bool) -> Vec<usize> {
        let principal = &holder.principal;
        let plausible = |i: &usize| {
            let one = &self.issued[*i];
            let account = one.what.arn.as_deref().and_then(Arn::parse).map(|a| a.account()).filter(|a| !a.is_empty());
            let is_elsewhere = matches!((account, principal.account.as_deref()), (Some(a), Some(b)) if a != b);
            let at = holder.created.filter(|_| one.what.method != "CreateAccessKey").or(at);
            let is_later = matches!((one.time, at), (Some(issued), Some(at)) if issued > at.saturating_add(MICROS_PER_DAY));
            let is_older =
                matches!((one.time, holder.created), (Some(issued), Some(created)) if issued < created.saturating_sub(MICROS_PER_DAY));
            Some(*i) != own && !is_elsewhere && !is_later && (!is_older || one.what.method == "CreateAccessKey")
        };
        let key = principal.access_key_id.as_deref().filter(|k| is_access_key_id(k));
        let found: Vec<usize> = listed(&self.by_key, key).iter().copied().filter(plausible).collect();
        // Where several calls name it: that of the session's creation, else those before the use.
        let preferred = |fits: &dyn Fn(&usize) -> bool, found: Vec<usize>| {
            let better: Vec<usize> = found.iter().copied().filter(|i| fits(i)).collect();
            if better.is_empty() { found } else { better }
        };
        let found = preferred(&|i| near(self.issued[*i].time, holder.created, SKEW), found);
        // What a pod was given has two records: the agent's says more.
        let found = preferred(&|i| self.issued[*i].is_for_pod(), found);
        preferred(before, found)
    }

    fn of_session(&self, holder: &Holder, before: &dyn Fn(&usize) -> bool) -> Vec<usize> {
        let key = holder.principal.access_key_id.as_deref();
        let other_keys = holder.principal.signs_with_other_keys();
        let fits = |i: &usize| {
            let one = &self.issued[*i];
            let is_other_key = matches!((key, one.what.access_key_id.as_deref()), (Some(used), Some(issued)) if used != issued);
            !is_other_key || one.what.by_identity_center || other_keys
        };
        let found = holder.session().and_then(|s| self.by_session.get(&s)).map_or(&[][..], Vec::as_slice);
        found.iter().copied().filter(|i| before(i) && fits(i)).collect()
    }

    fn of_console(&self, holder: &Holder, before: &dyn Fn(&usize) -> bool) -> Vec<usize> {
        let Some(created) = holder.created else { return Vec::new() };
        let says_so = holder.principal.from_console == Some(true) || holder.principal.access_key_id.is_none();
        let reach = if says_so { BEGINS } else { MOMENTS };
        let (id, arn) = (holder.principal.principal_id.as_deref(), holder.principal.arn.as_deref());
        let fits = |i: &usize| {
            let one = &self.issued[*i];
            // Names are given again, unique ids are not.
            let is_other = matches!((id, one.what.principal_id.as_deref()), (Some(used), Some(signed_in)) if used != signed_in);
            !is_other && one.time.is_some_and(|t| t <= created.saturating_add(MOMENTS) && created - t <= reach)
        };
        let ids = [id, arn];
        let mut found: Vec<usize> =
            ids.into_iter().flat_map(|id| listed(&self.sign_ins, id)).copied().filter(|i| before(i) && fits(i)).collect();
        found.sort_unstable();
        found.dedup();
        // A session begins with its sign-in or after it; one that bears a later time is another's, if any fits without.
        let (begun, later): (Vec<usize>, Vec<usize>) = found.into_iter().partition(|i| self.issued[*i].time <= Some(created));
        self.latest_by_password(if begun.is_empty() { later } else { begun })
    }

    /// A role's session that signs in, or is switched to, was issued a moment before; its record says neither its key nor its creation.
    fn begun_with(&self, holder: &Holder, before: &dyn Fn(&usize) -> bool) -> Vec<usize> {
        let Some(id) = holder.principal.principal_id.clone().filter(|_| holder.signed_in_at.is_some()) else { return Vec::new() };
        let moments = begun_at(holder).into_iter().flatten();
        moments.filter_map(|at| self.by_session.get(&(id.clone(), at))).flatten().copied().filter(before).collect()
    }

    /// Who switched to a role in the console had signed in before: of several sessions that may be open at once any may be the one.
    fn of_switch(&self, from: &str, at: Option<i64>) -> Vec<usize> {
        let fits = |i: &usize| {
            let signed_in = self.issued[*i].time;
            signed_in.zip(at).is_some_and(|(t, at)| t <= at.saturating_add(SKEW) && at - t <= CONSOLE_SESSION)
        };
        self.latest_by_password(listed(&self.sign_ins, Some(from)).iter().copied().filter(fits).collect())
    }

    /// A sign-in has no key and no session yet: what made it possible is the password.
    fn of_password(&self, holder: &Holder, at: Option<i64>, before: &dyn Fn(&usize) -> bool) -> Vec<usize> {
        let principal = &holder.principal;
        // Whoever is refused has shown no password.
        if principal.kind != PrincipalKind::IamUser || !holder.signs_in || holder.is_refused {
            return Vec::new();
        }
        let Some(user) = principal.arn.as_deref().map(without_path) else { return Vec::new() };
        let last = self.latest(listed(&self.passwords, Some(&user)).iter().copied().filter(before).collect());
        last.into_iter().filter(|i| !self.password_ends.is_between(&user, self.issued[*i].time, at)).collect()
    }

    fn of_portal(&self, one: &Issued) -> Vec<usize> {
        let arn = one.what.arn.as_deref().and_then(Arn::parse);
        let Some((account, (role, _))) = arn.and_then(|a| Some((a.account(), a.role_session()?))) else { return Vec::new() };
        let Some(set) = set_of_role(role) else { return Vec::new() };
        let target = portal_target(account, set);
        let caller = &one.holder.principal;
        let fits = |i: &usize| near(self.issued[*i].time, one.time, SKEW) && !self.issued[*i].is_of_another(caller);
        let found: Vec<usize> = listed(&self.portal, Some(&target)).iter().copied().filter(fits).collect();
        // The portal may name its user by id alone; where it names some, the assertion's own name tells which.
        let named: Vec<usize> =
            found.iter().copied().filter(|i| self.issued[*i].holder.principal.name.eq_ignore_ascii_case(&caller.name)).collect();
        if named.is_empty() { found } else { named }
    }

    /// Of sign-ins, the last with each password: who else set one may have signed in, and a new password ends no session.
    fn latest_by_password(&self, found: Vec<usize>) -> Vec<usize> {
        let mut by_password: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for i in found {
            let one = &self.issued[i];
            let before = |set: &usize| self.issued[*set].time.zip(one.time).is_none_or(|(set, at)| set <= at.saturating_add(SKEW));
            by_password.entry(self.of_password(&one.holder, one.time, &before)).or_default().push(i);
        }
        by_password.into_values().flat_map(|with_one| self.latest(with_one)).collect()
    }

    /// The last of these, and those of the same instant.
    fn latest(&self, found: Vec<usize>) -> Vec<usize> {
        let last = found.iter().filter_map(|i| self.issued[*i].time).max();
        found.into_iter().filter(|i| self.issued[*i].time == last).collect()
    }
}

/// The seconds in which the session of a holder can have been issued, by the rules that go by its unique id.
pub(super) fn begun_at(holder: &Holder) -> Option<RangeInclusive<i64>> {
    match (holder.created, holder.signed_in_at) {
        (Some(created), _) => Some(second(created)..=second(created)),
        (None, Some(signed_in)) => Some(begun_before(signed_in)),
        (None, None) => None,
    }
}

/// The seconds in which a role's session can have been issued that signed in then, and whose record does not say when it was created.
pub(crate) fn begun_before(signed_in: i64) -> RangeInclusive<i64> {
    second(signed_in - MOMENTS)..=second(signed_in + SKEW)
}

fn listed<'a>(map: &'a HashMap<String, Vec<usize>>, key: Option<&str>) -> &'a [usize] {
    key.and_then(|k| map.get(k)).map_or(&[], Vec::as_slice)
}

fn near(a: Option<i64>, b: Option<i64>, reach: i64) -> bool {
    a.zip(b).is_some_and(|(a, b)| a.abs_diff(b) <= reach.unsigned_abs())
}

/// `arn:…:user/people/alice` as `arn:…:user/alice`: calls that name a user do not say its path.
pub(crate) fn without_path(arn: &str) -> String {
    match (Arn::parse(arn), arn.find(":user/")) {
        (Some(parsed), Some(at)) => format!("{}:user/{}", &arn[..at], parsed.name()),
        _ => arn.to_owned(),
    }
}

/// Records of one call become one, in the order of time: another account's record of it, told by `sharedEventID` or by the key issued
/// in the same second, adds its citation and what the caller's own record lacks.
fn as_one_call(mut issued: Vec<Issued>) -> Vec<Issued> {
    issued.sort_by(|a, b| {
        (a.time.is_none(), a.time, &a.refs, &a.account, &a.what).cmp(&(b.time.is_none(), b.time, &b.refs, &b.account, &b.what))
    });
    // Copies of one record in several pieces of evidence.
    issued.dedup();
    let mut kept: Vec<Issued> = Vec::with_capacity(issued.len());
    let mut shared: HashMap<(String, &'static str), usize> = HashMap::new();
    let mut keys: HashMap<(String, Option<i64>), usize> = HashMap::new();
    for one in issued {
        let by_shared = one.shared_event_id.clone().map(|id| (id, one.what.method));
        let by_key = one.what.access_key_id.clone().map(|key| (key, one.time.map(second)));
        let other = by_shared.as_ref().and_then(|k| shared.get(k)).or_else(|| by_key.as_ref().and_then(|k| keys.get(k))).copied();
        let at = match other.filter(|i| kept[*i].account != one.account && kept[*i].what.method == one.what.method) {
            Some(at) => {
                let (own, mut other) =
                    if is_callers(&one) && !is_callers(&kept[at]) { (one, kept[at].clone()) } else { (kept[at].clone(), one) };
                let mut refs = own.refs.clone();
                refs.append(&mut other.refs);
                let what = Issuance {
                    access_key_id: own.what.access_key_id.clone().or(other.what.access_key_id),
                    principal_id: own.what.principal_id.clone().or(other.what.principal_id),
                    arn: own.what.arn.clone().or(other.what.arn),
                    ..own.what
                };
                kept[at] = Issued { what, refs, ..own };
                at
            }
            None => {
                kept.push(one);
                kept.len() - 1
            }
        };
        shared.extend(by_shared.map(|k| (k, at)));
        keys.extend(by_key.map(|k| (k, at)));
    }
    kept
}

/// Whether the record is of the caller's own account: it names the caller in full.
fn is_callers(one: &Issued) -> bool {
    one.holder.principal.kind != PrincipalKind::Account && one.holder.principal.account == one.account
}

#[cfg(test)]
mod tests;
