//! The kinds of evidence that are told apart, and what is said of those no decoder reads yet.

use crate::registry::Decoder;

/// What a piece of evidence holds, as far as its beginning tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// CloudTrail records, in any wrapper.
    CloudTrail,
    /// JSON in which CloudTrail records may stand: only reading it tells.
    PerhapsCloudTrail,
    /// CloudTrail digest file.
    CloudTrailDigest,
    /// Signature file of CloudTrail Lake query results.
    LakeSignature,
    /// Output of `list-public-keys`.
    PublicKeys,
    /// S3 object metadata kept beside an object.
    ObjectMetadata,
    /// VPC flow logs.
    FlowLogs,
    /// Transit Gateway flow logs.
    TransitGatewayFlowLogs,
    /// AWS Config snapshot or history.
    Config,
    /// AWS Config notification.
    ConfigNotification,
    /// GuardDuty findings.
    GuardDuty,
    /// Security Hub findings in ASFF.
    SecurityHub,
    /// Security Hub findings in OCSF.
    SecurityHubOcsf,
    /// CloudTrail, flow logs or others as Security Lake keeps them.
    Ocsf,
    /// AWS Health events.
    Health,
    /// Macie findings.
    Macie,
    /// Inspector findings.
    Inspector,
    /// IAM Access Analyzer findings.
    AccessAnalyzer,
    /// IAM credential report.
    CredentialReport,
    /// Route 53 resolver query logs.
    ResolverLogs,
    /// Load balancer access logs.
    LoadBalancerLogs,
    /// S3 server access logs.
    S3AccessLogs,
    /// CloudFront access logs.
    CloudFrontLogs,
    /// WAF logs.
    WafLogs,
    /// Kubernetes audit logs.
    EksAudit,
    /// Output of describe-network-interfaces, describe-instances, describe-addresses, describe-route-tables and describe-network-acls.
    NetworkInventory,
    /// Output of other describe and list calls.
    Inventory,
    /// Parquet of no known schema.
    Parquet,
    /// Compressed or archived in a way that is not read.
    Compressed(&'static str),
    /// JSON of no known kind.
    Json,
    /// A JSON schema.
    JsonSchema,
    /// HTML or XML.
    Markup,
    /// Comma-separated values of no known kind.
    Csv,
    /// Text.
    Text,
    /// No bytes at all.
    Empty,
    /// Anything else.
    Binary,
}

impl Kind {
    /// Its name in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudTrail | Self::PerhapsCloudTrail => "CloudTrail",
            Self::CloudTrailDigest => "CloudTrail digest",
            Self::LakeSignature => "CloudTrail Lake signature",
            Self::PublicKeys => "CloudTrail public keys",
            Self::ObjectMetadata => "S3 object metadata",
            Self::FlowLogs => "VPC flow logs",
            Self::TransitGatewayFlowLogs => "Transit Gateway flow logs",
            Self::Config => "AWS Config",
            Self::ConfigNotification => "AWS Config notification",
            Self::GuardDuty => "GuardDuty findings",
            Self::SecurityHub => "Security Hub findings",
            Self::SecurityHubOcsf => "Security Hub findings (OCSF)",
            Self::Ocsf => "OCSF events",
            Self::Health => "AWS Health events",
            Self::Macie => "Macie findings",
            Self::Inspector => "Inspector findings",
            Self::AccessAnalyzer => "IAM Access Analyzer findings",
            Self::CredentialReport => "IAM credential report",
            Self::ResolverLogs => "Route 53 resolver logs",
            Self::LoadBalancerLogs => "load balancer access logs",
            Self::S3AccessLogs => "S3 access logs",
            Self::CloudFrontLogs => "CloudFront access logs",
            Self::WafLogs => "WAF logs",
            Self::EksAudit => "Kubernetes audit logs",
            Self::NetworkInventory => "inventory",
            Self::Inventory => "inventory (describe output)",
            Self::Parquet => "Parquet of an unknown schema",
            Self::Compressed(name) => name,
            Self::Json => "JSON of no known kind",
            Self::JsonSchema => "JSON schema",
            Self::Markup => "HTML or XML",
            Self::Csv => "CSV of no known kind",
            Self::Text => "plain text",
            Self::Empty => "empty file",
            Self::Binary => "binary data",
        }
    }

    /// Whether a decoder reads it by itself, without that records are sought in it.
    #[must_use]
    pub fn is_read_by(self, decoder: &Decoder) -> bool {
        decoder.kinds.contains(&self)
    }

    /// Whether it is evidence some version may read, rather than something that happens to lie beside it.
    #[must_use]
    pub fn is_evidence(self) -> bool {
        !matches!(self, Self::Json | Self::JsonSchema | Self::Markup | Self::Csv | Self::Text | Self::Empty | Self::Binary)
    }

    /// Why it is not read, in the words of the ledger.
    #[must_use]
    pub fn why_not_read(self) -> String {
        match self {
            Self::Compressed(name) => format!("{name} data is not read: unpack it first"),
            Self::Empty => "empty file".to_owned(),
            kind if kind.is_evidence() => format!("{}, not read yet", kind.name()),
            kind => format!("{}, not AWS evidence", kind.name()),
        }
    }
}
