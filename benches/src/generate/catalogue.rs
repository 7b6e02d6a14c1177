//! What goes on in an estate when nothing goes wrong: the calls, who makes them, how often, and how they fail. All of it data.

mod compute;
mod control;
mod data;
mod identity;

use super::identity::Who;
use super::random::scale;
use super::template::Template;

/// One API call as it appears in CloudTrail.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) source: &'static str,
    pub(crate) name: &'static str,
    /// How often, relative to the others.
    pub(crate) weight: usize,
    pub(crate) callers: Vec<(Who, usize)>,
    pub(crate) request: Template,
    pub(crate) response: Template,
    pub(crate) additional: Template,
    pub(crate) details: Template,
    pub(crate) resources: Template,
    pub(crate) api_version: &'static str,
    pub(crate) writes: bool,
    pub(crate) category: Category,
    pub(crate) event_type: &'static str,
    pub(crate) faults: Vec<Fault>,
    /// Carries a `sharedEventID`.
    pub(crate) shared: bool,
    /// Only in the region of the global services.
    pub(crate) global: bool,
    pub(crate) network: Network,
}

/// A way a call fails.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) per_million: usize,
    pub(crate) code: &'static str,
    pub(crate) message: Template,
    pub(crate) kind: Outcome,
}

/// `eventCategory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Management,
    Data,
    NetworkActivity,
}

impl Category {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Management => "Management",
            Self::Data => "Data",
            Self::NetworkActivity => "NetworkActivity",
        }
    }
}

/// Whether a call is a network command: changes reachability, or opens a shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    No,
    Yes,
    /// Opinions may differ (interfaces that a service makes for itself).
    Maybe,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Ok,
    Denied,
    Failed,
    Throttled,
    DryRun,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::DryRun => "dry_run",
        }
    }
}

/// A read of a service's control plane; the builder's methods make it something else.
pub(super) fn call(source: &'static str, name: &'static str, weight: usize, callers: &[(Who, usize)]) -> Call {
    Call {
        source,
        name,
        weight,
        callers: callers.to_vec(),
        request: Template::default(),
        response: Template::default(),
        additional: Template::default(),
        details: Template::default(),
        resources: Template::default(),
        api_version: "",
        writes: false,
        category: Category::Management,
        event_type: "AwsApiCall",
        faults: Vec::new(),
        shared: false,
        global: false,
        network: Network::No,
    }
}

impl Call {
    pub(super) fn request(mut self, json: &str) -> Self {
        self.request = Template::new(json);
        self
    }

    pub(super) fn response(mut self, json: &str) -> Self {
        self.response = Template::new(json);
        self
    }

    pub(super) fn additional(mut self, json: &str) -> Self {
        self.additional = Template::new(json);
        self
    }

    pub(super) fn resource(mut self, kind: &str, arn: &str) -> Self {
        self.resources = Template::new(&format!(r#"[{{"accountId":"<account>","type":"{kind}","ARN":"{arn}"}}]"#));
        self
    }

    pub(super) fn resources(mut self, json: &str) -> Self {
        self.resources = Template::new(json);
        self
    }

    pub(super) fn api(mut self, version: &'static str) -> Self {
        self.api_version = version;
        self
    }

    pub(super) fn writes(mut self) -> Self {
        self.writes = true;
        self
    }

    pub(super) fn data(mut self) -> Self {
        self.category = Category::Data;
        self
    }

    pub(super) fn kind(mut self, event_type: &'static str) -> Self {
        self.event_type = event_type;
        self
    }

    pub(super) fn details(mut self, json: &str) -> Self {
        self.details = Template::new(json);
        self
    }

    pub(super) fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    pub(super) fn global(mut self) -> Self {
        self.global = true;
        self
    }

    pub(super) fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    pub(super) fn fault(mut self, per_million: usize, kind: Outcome, code: &'static str, message: &str) -> Self {
        self.faults.push(Fault { per_million, code, message: Template::new(message), kind });
        self
    }

    pub(super) fn denied(self, per_million: usize, message: &str) -> Self {
        self.fault(per_million, Outcome::Denied, "AccessDenied", message)
    }

    pub(super) fn throttled(self, per_million: usize) -> Self {
        self.fault(per_million, Outcome::Throttled, "ThrottlingException", "Rate exceeded")
    }
}

/// The calls of a kind of region, drawn by weight.
#[derive(Debug)]
pub(crate) struct Catalogue {
    calls: Vec<Call>,
    /// Cumulative weights, and which call.
    everywhere: Vec<(usize, usize)>,
    regional: Vec<(usize, usize)>,
    /// A role of the next account, assumed: what puts one action into two accounts' files.
    pub(crate) across: Call,
}

impl Catalogue {
    pub(crate) fn new() -> Self {
        let calls: Vec<Call> = [identity::calls(), data::calls(), compute::calls(), control::calls()].concat();
        let cumulate = |keep: fn(&Call) -> bool| {
            let mut sum = 0;
            let kept = calls.iter().enumerate().filter(|(_, call)| keep(call));
            kept.map(|(n, call)| {
                sum += call.weight;
                (sum, n)
            })
            .collect()
        };
        Self { everywhere: cumulate(|_| true), regional: cumulate(|call| !call.global), calls, across: identity::across() }
    }

    /// A call by its weight.
    pub(crate) fn draw(&self, number: u64, with_global: bool) -> &Call {
        let table = if with_global { &self.everywhere } else { &self.regional };
        let total = table.last().map_or(1, |last| last.0);
        let at = scale(number, total);
        &self.calls[table[table.partition_point(|(sum, _)| *sum <= at)].1]
    }
}
