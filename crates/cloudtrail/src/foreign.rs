//! JSON that is known evidence of another kind, or a search index's flattened form: named, and left for its decoder.

use crate::output::Reject;

/// Items put aside until it is known whether the evidence holds CloudTrail: at most so many, and so many of their bytes.
const MAX_ITEMS: usize = 65_536;
const MAX_BYTES: usize = 8 << 20;

/// Marks by which an item is known: all of them stand in its first bytes as keys.
const KINDS: &[(&str, &[&str])] = &[
    ("CloudTrail digest", &["\"digestS3Object\"", "\"logFiles\""]),
    ("Security Hub findings (ASFF)", &["\"ProductArn\"", "\"AwsAccountId\""]),
    ("Security Hub findings (OCSF)", &["\"class_uid\"", "\"metadata\""]),
    ("GuardDuty findings", &["\"schemaVersion\"", "\"service\"", "\"severity\""]),
    ("GuardDuty findings", &["\"SchemaVersion\"", "\"Service\"", "\"Severity\""]),
    ("GuardDuty findings", &["\"detail-type\"", "\"GuardDuty Finding\""]),
    // As other products re-shape them: the finding's own ARN remains.
    ("GuardDuty findings", &[":guardduty:", "/finding/", "\"severity\""]),
    ("GuardDuty findings", &[":guardduty:", "\"severity\""]),
    ("Route 53 Resolver query logs", &["\"query_name\"", "\"query_type\""]),
    ("Security Hub findings (ASFF)", &["\"detail-type\"", "\"Security Hub Findings"]),
    ("Macie findings", &["\"resourcesAffected\"", "\"severity\""]),
    ("Inspector findings", &["\"findingArn\"", "\"severity\""]),
    ("AWS Config", &["\"configurationItems\""]),
    ("AWS Config", &["\"configurationItem\""]),
    ("AWS Config", &["\"configurationItemStatus\""]),
    ("AWS Config", &["\"configurationItemCaptureTime\""]),
    ("AWS Health", &["\"eventTypeCode\"", "\"eventTypeCategory\""]),
    ("VPC flow logs", &["\"srcaddr\"", "\"dstaddr\""]),
    ("VPC flow logs", &["vpc_flow", "\"srcaddr\""]),
    ("VPC flow logs", &["\"vpc.flow_log\""]),
    ("public keys of CloudTrail digests", &["\"PublicKeyList\""]),
    ("network inventory", &["\"SecurityGroups\"", "\"GroupId\""]),
    ("network inventory", &["\"Reservations\""]),
    ("network inventory", &["\"NetworkInterfaces\"", "\"NetworkInterfaceId\""]),
    ("network inventory", &["\"Vpcs\"", "\"VpcId\""]),
    ("network inventory", &["\"Subnets\"", "\"SubnetId\""]),
    ("network inventory", &["\"RouteTables\""]),
    (FLATTENED, &["\"aws.cloudtrail."]),
    (FLATTENED, &["\"cloudtrail\"", "\"event_version\""]),
    (FLATTENED, &["\"cloudtrail\"", "\"user_identity\""]),
    (FLATTENED, &["\"cloudtrail\"", "\"request_parameters\""]),
    ("EventBridge events", &["\"detail-type\"", "\"detail\"", "\"source\""]),
];

/// CloudTrail fields renamed by a search index's pipeline, the record itself thrown away.
pub(crate) const FLATTENED: &str = "CloudTrail flattened by a search index";
/// Log lines in a CloudWatch Logs payload that are no CloudTrail records.
pub(crate) const LOG_LINES: &str = "CloudWatch Logs messages";

/// Bytes looked at.
const LOOK: usize = 64 << 10;

/// Which known kind of evidence an item is, if any.
pub(crate) fn kind_of(item: &[u8]) -> Option<&'static str> {
    let head = &item[..item.len().min(LOOK)];
    KINDS.iter().find(|(_, marks)| marks.iter().all(|m| memchr::memmem::find(head, m.as_bytes()).is_some())).map(|(kind, _)| *kind)
}

/// What CloudWatch Logs sends to see whether anybody listens. The payload's `messageType` says so as well, but may stand behind it.
pub(crate) fn is_control_message(item: &[u8]) -> bool {
    memchr::memmem::find(&item[..item.len().min(LOOK)], b"\"CWL CONTROL MESSAGE: ").is_some()
}

/// What to do with evidence of that kind.
pub(crate) fn advice(kind: &str) -> String {
    match kind {
        FLATTENED => "it holds CloudTrail's fields renamed by a search index, not the records: export the original too \
             (event.original, or the index's _source with preserve_original_event), or the trail's files from S3"
            .to_owned(),
        LOG_LINES => "a CloudWatch Logs payload of a log group that is not CloudTrail's".to_owned(),
        kind => format!("{kind}, not read yet"),
    }
}

/// What was met before any CloudTrail record: items of other kinds, and broken ones.
#[derive(Debug, Default)]
pub(crate) struct ForeignItems {
    items: Vec<Reject>,
    bytes: usize,
    beyond: i64,
    kinds: Vec<(&'static str, i64)>,
}

impl ForeignItems {
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn add(&mut self, kind: Option<&'static str>, mut item: Reject) {
        if let Some(kind) = kind {
            match self.kinds.iter_mut().find(|(k, _)| *k == kind) {
                Some((_, count)) => *count += 1,
                None => self.kinds.push((kind, 1)),
            }
        }
        if self.items.len() >= MAX_ITEMS {
            self.beyond += 1;
            return;
        }
        if self.most_common().is_some() {
            item.head.truncate(MAX_BYTES.saturating_sub(self.bytes));
        }
        self.bytes += item.head.len();
        self.items.push(item);
    }

    /// So much that it cannot wait any longer, and it does not look like another kind of evidence.
    pub(crate) fn is_full_of_rejects(&self) -> bool {
        (self.items.len() >= MAX_ITEMS || self.bytes >= MAX_BYTES) && self.most_common().is_none()
    }

    /// Everything put aside, and how many more there were.
    pub(crate) fn take(&mut self) -> (Vec<Reject>, i64) {
        let taken = std::mem::take(self);
        (taken.items, taken.beyond)
    }

    /// The kind met most often, and how many items there were in all; none if most of them are of no known kind.
    pub(crate) fn most_common(&self) -> Option<(&'static str, i64)> {
        let known: i64 = self.kinds.iter().map(|(_, count)| count).sum();
        let all = crate::output::long(self.items.len() as u64) + self.beyond;
        let (kind, _) = self.kinds.iter().max_by_key(|(_, count)| *count)?;
        (known * 2 >= all).then_some((*kind, all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_their_keys() {
        assert_eq!(kind_of(br#"{"ProductArn":"x","AwsAccountId":"1"}"#), Some("Security Hub findings (ASFF)"));
        assert_eq!(kind_of(br#"{"aws.cloudtrail.event_version":"1.08"}"#), Some(FLATTENED));
        assert_eq!(kind_of(br#"{"hello":1}"#), None);
    }
}
