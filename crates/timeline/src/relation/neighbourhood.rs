//! What belongs together: an instance, its interfaces, addresses, volumes, security groups and role, as far as calls in evidence tied them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use backtrail_model::arn::Arn;
use backtrail_model::calls::action_name;
use backtrail_model::outcome::{Outcome, classify};
use backtrail_model::touch::{Part, Touched, Wanted};
use backtrail_model::window::Window;
use datafusion::functions::expr_fn::starts_with;
use datafusion::logical_expr::{Expr, col, lit};

use crate::error::TimelineError;
use crate::event::Event;
use crate::instants::{Instants, is_known_of_all};
use crate::relation::Tie;
use crate::source::Source;
use crate::touched::touched_in_all;

/// Calls that tie things together.
const TYING: &[&str] = &[
    "AddRoleToInstanceProfile",
    "AssociateAddress",
    "AssociateIamInstanceProfile",
    "AttachNetworkInterface",
    "AttachVolume",
    "CreateAlias",
    "CreateFunction",
    "CreateImage",
    "CreateLoadBalancer",
    "CreateNetworkInterface",
    "CreateSnapshot",
    "ModifyInstanceAttribute",
    "ModifyNetworkInterfaceAttribute",
    "RegisterTargets",
    "ReplaceIamInstanceProfileAssociation",
    "RunInstances",
    "SetSecurityGroups",
    "UpdateFunctionConfiguration",
];
/// Kinds of things that so much hangs on that they tie nothing: everything in an account shares its VPCs.
const TOO_WIDE: &[&str] = &["vpc", "subnet", "image", "key-pair", "policy", "root", "launch-template", "security-group-rule"];
/// Ties followed from the anchor.
const FARTHEST: usize = 3;
/// Things of one neighbourhood, at most.
const MOST: usize = 2_000;

/// A call that ties two things.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Tied {
    other: String,
    call: String,
    reference: String,
}

/// How something belongs to the anchor: the thing one step nearer, and the call that ties the two.
type Nearer = Tied;

/// Things that belong together with the anchor.
#[derive(Debug, Default)]
pub(super) struct Neighbourhood {
    /// Each with how it belongs there, unless it is where the neighbourhood begins.
    near: BTreeMap<String, Option<Nearer>>,
    /// Of where it begins the changes that are the anchor's, unless it was typed.
    changed: BTreeMap<String, Tie>,
}

impl Neighbourhood {
    /// Around what was typed, or else around what the anchor's changes acted on. Ties made before the window count; those made after it do not.
    pub(super) async fn read(
        source: &Source,
        window: Option<&Window>,
        typed: &[String],
        changed: BTreeMap<String, Tie>,
    ) -> Result<Self, TimelineError> {
        let before = window.and_then(|w| Window::between(0, w.to()).ok());
        let before = before.as_ref();
        let seeds = if typed.is_empty() { Seeds::Arns(changed.keys().cloned().collect()) } else { Seeds::Typed(typed) };
        let near = if is_known_of_all(source).await? { Ties::near(source, before, &seeds).await? } else { None };
        let ties = match near {
            Some(ties) => ties,
            None => Ties::all(source, before).await?,
        };
        Ok(Self { near: close_over(&ties.0, seeds.among(&ties)), changed })
    }

    /// Why something belongs to the neighbourhood, and the calls that say so.
    pub(super) fn reason(&self, arn: &str) -> Option<(String, Vec<String>)> {
        let (mut words, mut refs) = (vec![short(arn).to_owned()], Vec::new());
        let (mut arn, mut at) = (arn, self.near.get(arn)?.as_ref());
        while let Some(nearer) = at {
            words.push(format!("with {} by {}", short(&nearer.other), nearer.call));
            refs.push(nearer.reference.clone());
            (arn, at) = (&nearer.other, self.near.get(&nearer.other)?.as_ref());
        }
        if let Some(change) = self.changed.get(arn) {
            words.push(format!("on which {} acted", change.what));
            refs.push(change.reference.clone());
        }
        Some((format!("touches {}", words.join(", ")), refs))
    }
}

/// Where a neighbourhood begins.
enum Seeds<'t> {
    Typed(&'t [String]),
    Arns(BTreeSet<String>),
}

impl Seeds<'_> {
    fn among(self, ties: &Ties) -> BTreeSet<String> {
        match self {
            Self::Typed(typed) => {
                let wanted: Vec<Wanted> = typed.iter().map(|t| Wanted::read(t)).collect();
                ties.0.keys().filter(|arn| wanted.iter().any(|w| w.fits(arn))).cloned().collect()
            }
            Self::Arns(arns) => arns,
        }
    }
}

/// What is tied to each thing.
#[derive(Debug, Default)]
struct Ties(BTreeMap<String, BTreeSet<Tied>>);

impl Ties {
    /// Those that calls made in a window.
    async fn all(source: &Source, window: Option<&Window>) -> Result<Self, TimelineError> {
        let mut ties = Self::default();
        ties.read(source, window, None).await?;
        Ok(ties)
    }

    /// The same as far as a neighbourhood may reach, step by step by what `event_arns` says was touched; `None` where that does not tell all.
    async fn near(source: &Source, window: Option<&Window>, seeds: &Seeds<'_>) -> Result<Option<Self>, TimelineError> {
        let mut ties = Self::default();
        // What is farthest need not be asked what it is tied to.
        let (mut asked, mut ahead, steps) = match seeds {
            Seeds::Arns(arns) => (BTreeSet::new(), arns.clone(), FARTHEST),
            Seeds::Typed(typed) => {
                let Some(instants) = Instants::of(source, typed, window).await? else { return Ok(None) };
                ties.read(source, window, Some(&instants)).await?;
                let seeds = Seeds::Typed(typed).among(&ties);
                (seeds, ties.0.keys().cloned().collect(), FARTHEST - 1)
            }
        };
        for _ in 0..steps {
            let new: BTreeSet<String> = ahead.difference(&asked).filter(|arn| !is_too_wide(arn)).cloned().collect();
            if new.is_empty() {
                break;
            }
            if new.len() > MOST {
                return Ok(None);
            }
            let instants = Instants::of_calls(source, &new, is_tying(), window).await?;
            ties.read(source, window, Some(&instants)).await?;
            asked.extend(new);
            ahead = ties.0.keys().cloned().collect();
        }
        Ok(Some(ties))
    }

    /// Adds those of the calls of a window; only of those at some instants, where these are known.
    async fn read(&mut self, source: &Source, window: Option<&Window>, at: Option<&Instants>) -> Result<(), TimelineError> {
        let condition = at.map(Instants::condition).into_iter().chain(is_tying()).reduce(Expr::and);
        let mut take = |event: &Event<'_>| {
            if TYING.contains(&action_name(event.event_name.unwrap_or_default())) && classify(&event.facts()) == Outcome::Ok {
                tie(event, &mut self.0);
            }
            Ok(())
        };
        source.few(window, condition, &mut take).await
    }
}

/// A condition that every call that ties things fulfils.
fn is_tying() -> Option<Expr> {
    let each = TYING.iter().map(|name| {
        let versioned = matches!(*name, "CreateFunction" | "UpdateFunctionConfiguration");
        if versioned { starts_with(col("event_name"), lit(*name)) } else { col("event_name").eq(lit(*name)) }
    });
    each.reduce(Expr::or)
}

fn short(arn: &str) -> &str {
    Arn::parse(arn).map_or(arn, |a| a.resource())
}

fn is_too_wide(arn: &str) -> bool {
    Arn::parse(arn).is_none_or(|a| TOO_WIDE.contains(&a.resource_type().unwrap_or(a.resource())))
}

/// Ties what a call acts on to what it names beside. What it names beside is not tied to each other: two groups of an instance have only the
/// instance in common.
fn tie(event: &Event<'_>, ties: &mut BTreeMap<String, BTreeSet<Tied>>) {
    let things: Vec<Touched> = touched_in_all(event).into_iter().filter(|t| t.part != Part::Mentioned && !is_too_wide(&t.arn)).collect();
    // A call that acts on many things at once says nothing of which belongs to which.
    let targets: Vec<&Touched> = things.iter().filter(|t| t.part == Part::Target).collect();
    let [target] = targets.as_slice() else { return };
    for other in things.iter().filter(|t| t.part == Part::Related) {
        let tied = |to: &str| Tied {
            other: to.to_owned(),
            call: action_name(event.event_name.unwrap_or_default()).to_owned(),
            reference: event.citation(),
        };
        ties.entry(target.arn.clone()).or_default().insert(tied(&other.arn));
        ties.entry(other.arn.clone()).or_default().insert(tied(&target.arn));
    }
}

/// All that ties lead to from the seeds, nearest first, each with the tie it was reached by.
fn close_over(ties: &BTreeMap<String, BTreeSet<Tied>>, seeds: BTreeSet<String>) -> BTreeMap<String, Option<Nearer>> {
    let mut reached: BTreeMap<String, Option<Nearer>> = BTreeMap::new();
    let mut ahead: VecDeque<(String, usize)> = VecDeque::new();
    for seed in seeds.into_iter().filter(|s| !is_too_wide(s)) {
        reached.insert(seed.clone(), None);
        ahead.push_back((seed, 0));
    }
    while let Some((at, steps)) = ahead.pop_front() {
        if steps == FARTHEST {
            continue;
        }
        for tied in ties.get(&at).into_iter().flatten() {
            if reached.len() < MOST && !reached.contains_key(&tied.other) {
                let nearer = Tied { other: at.clone(), call: tied.call.clone(), reference: tied.reference.clone() };
                reached.insert(tied.other.clone(), Some(nearer));
                ahead.push_back((tied.other.clone(), steps + 1));
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ec2(rest: &str) -> String {
        format!("arn:aws:ec2:eu-west-1:111122223333:{rest}")
    }

    fn ties() -> BTreeMap<String, BTreeSet<Tied>> {
        let mut ties = BTreeMap::new();
        let event = |name, id, request, response| Event {
            event_source: Some("ec2.amazonaws.com"),
            event_name: Some(name),
            event_id: Some(id),
            aws_region: Some("eu-west-1"),
            recipient_account_id: Some("111122223333"),
            request_parameters: Some(request),
            response_elements: Some(response),
            evidence_id: Some("e"),
            ..Event::default()
        };
        let run = event(
            "RunInstances",
            "run",
            r#"{"subnetId":"subnet-11111111","groupSet":{"items":[{"groupId":"sg-11111111"},{"groupId":"sg-22222222"}]}}"#,
            r#"{"instancesSet":{"items":[{"instanceId":"i-11111111","networkInterfaceSet":{"items":[{"networkInterfaceId":"eni-11111111"}]}}]}}"#,
        );
        let associate =
            event("AssociateAddress", "associate", r#"{"allocationId":"eipalloc-11111111","networkInterfaceId":"eni-11111111"}"#, "{}");
        let two = event(
            "RunInstances",
            "two",
            r#"{"groupSet":{"items":[{"groupId":"sg-33333333"}]}}"#,
            r#"{"instancesSet":{"items":[{"instanceId":"i-22222222"},{"instanceId":"i-33333333"}]}}"#,
        );
        for one in [&run, &associate, &two] {
            tie(one, &mut ties);
        }
        ties
    }

    #[test]
    fn an_instance_its_interface_its_address_and_its_groups() {
        let (ip, time) = (ec2("elastic-ip/eipalloc-11111111"), None);
        let released = Tie { time, reference: "released".to_owned(), what: "ReleaseAddress".to_owned() };
        let near = close_over(&ties(), BTreeSet::from([ip.clone()]));
        let found = Neighbourhood { near, changed: BTreeMap::from([(ip, released)]) };
        let arns: Vec<&str> = found.near.keys().map(|arn| short(arn)).collect();
        assert_eq!(
            arns,
            [
                "elastic-ip/eipalloc-11111111",
                "instance/i-11111111",
                "network-interface/eni-11111111",
                "security-group/sg-11111111",
                "security-group/sg-22222222"
            ]
        );
        let (why, refs) = found.reason(&ec2("security-group/sg-11111111")).unwrap();
        assert_eq!(
            why,
            "touches security-group/sg-11111111, with instance/i-11111111 by RunInstances, with network-interface/eni-11111111 by RunInstances, \
             with elastic-ip/eipalloc-11111111 by AssociateAddress, on which ReleaseAddress acted"
        );
        assert_eq!(refs, ["run", "run", "associate", "released"]);
    }

    #[test]
    fn what_is_too_far_too_wide_or_said_of_several_is_no_neighbour() {
        let near = close_over(&ties(), BTreeSet::from([ec2("security-group/sg-33333333"), ec2("subnet/subnet-11111111")]));
        let found = Neighbourhood { near, changed: BTreeMap::new() };
        assert_eq!(found.near.len(), 1);
        assert!(found.reason(&ec2("instance/i-22222222")).is_none());
    }
}
