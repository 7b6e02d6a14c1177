//! Evidence and its accounting: what a piece of evidence is called, what became of it, and the identity that nothing is lost silently.

use serde::{Deserialize, Serialize};

/// What became of a piece of evidence (`evidence.fate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Read to its end; every record is in the store or among the rejects.
    Kept,
    /// Read up to a break (truncated gzip, cut document, bomb); what came before it is kept.
    Partial,
    /// A kind of evidence this version has no decoder for. Read again when one has.
    Deferred,
    /// Not evidence: met while walking a folder (LICENSE, .DS_Store).
    Ignored,
    /// Named by the user, and nothing in it could be taken in.
    Rejected,
    /// Could not be read (permission, I/O). Read again next time.
    Failed,
}

impl Fate {
    /// The word stored in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Partial => "partial",
            Self::Deferred => "deferred",
            Self::Ignored => "ignored",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }

    /// The fate a ledger word stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Kept, Self::Partial, Self::Deferred, Self::Ignored, Self::Rejected, Self::Failed].into_iter().find(|f| f.as_str() == word)
    }

    /// Whether the evidence is read again the next time it is met, although its bytes are known.
    #[must_use]
    pub fn is_read_again(self) -> bool {
        matches!(self, Self::Deferred | Self::Partial | Self::Failed | Self::Rejected)
    }
}

/// The remark on a page of a listing that has more of them.
pub const MORE_PAGES_FOLLOW: &str = "a page of a longer listing: its NextToken says that more pages follow";
/// How the remark on bytes behind the data of evidence ends.
pub const NOT_READ: &str = "not read";

/// Whether what is said of a piece that was kept whole says that there is more than was read. Such a piece is no fault of this run,
/// the other pages may be in evidence, but whoever asks must know.
#[must_use]
pub fn admits_gap(fate: Fate, reason: &str) -> bool {
    fate == Fate::Kept && [MORE_PAGES_FOLLOW, NOT_READ].iter().any(|mark| reason.contains(mark))
}

/// Where the records of one piece of evidence went (promise 1): `read = kept + duplicate + rejected + other`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records met: everything the wrapper presented as one, readable or not.
    pub read: i64,
    /// Records whose shown copy is this one.
    pub kept: i64,
    /// Further copies of events whose shown copy is another.
    pub duplicate: i64,
    /// Records that could not be taken in; each is a row of `rejects`.
    pub rejected: i64,
    /// Not records: control messages, empty wrappers, notifications.
    pub other: i64,
}

impl Counts {
    /// Whether the identity of promise 1 holds.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.read == self.kept + self.duplicate + self.rejected + self.other
    }

    /// Adds another piece's counts.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.kept += other.kept;
        self.duplicate += other.duplicate;
        self.rejected += other.rejected;
        self.other += other.other;
    }
}

/// The route an event's copy came by, in order of precedence (domain.md 1.5): the discriminant is `copy_rank`, the lowest is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum Route {
    /// A trail's file as CloudTrail delivers it to S3: `{"Records":[...]}`.
    TrailFile = 10,
    /// The record alone, in a list, or one a line, by a route nobody stated.
    Record = 20,
    /// CloudTrail Lake query results.
    Lake = 30,
    /// CloudWatch Logs: subscription payload or export.
    CloudWatchLogs = 40,
    /// EventBridge envelope.
    EventBridge = 50,
    /// LookupEvents output.
    LookupEvents = 60,
    /// An index or pipeline that wraps the original record (`_source`, `_raw`).
    Wrapped = 70,
}

impl Route {
    /// The word stored in `event_origins.route`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TrailFile => "trail_file",
            Self::Record => "record",
            Self::Lake => "lake",
            Self::CloudWatchLogs => "cloudwatch_logs",
            Self::EventBridge => "eventbridge",
            Self::LookupEvents => "lookup_events",
            Self::Wrapped => "wrapped",
        }
    }

    /// The precedence stored in `copy_rank`.
    #[must_use]
    pub fn rank(self) -> i32 {
        self as i32
    }
}

/// How `raw` relates to the evidence's bytes (design.md section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RawForm {
    /// The record's slice of the uncompressed evidence, byte for byte.
    Exact,
    /// The record stood as a string inside its carrier; `raw` is that string unescaped once.
    Unescaped,
    /// No original record exists; `raw` is the cells as delivered.
    Projected,
}

impl RawForm {
    /// The word stored in `raw_form`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Unescaped => "unescaped",
            Self::Projected => "projected",
        }
    }

    /// The form of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Exact, Self::Unescaped, Self::Projected].into_iter().find(|form| form.as_str() == word)
    }
}

/// What checking a citation against an original file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginalState {
    /// The file is the one that was taken in, and the record at its place is the one cited.
    Intact,
    /// Nothing is there any more.
    Gone,
    /// Something is there and cannot be read, or was not read.
    NotChecked,
    /// What is there is not what was taken in.
    Changed,
    /// The file is the one that was taken in, but the record at its place is not the one cited.
    RecordDiffers,
}

/// A citation checked against one place where its evidence was met.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OriginalCheck {
    /// The place: a path, or `archive!member`.
    pub path: String,
    /// What it came to.
    pub state: OriginalState,
    /// SHA-256 of what is there now; `None` where nothing could be read.
    pub evidence_sha256: Option<String>,
    /// SHA-256 of the record now at the cited place; `None` where there is none.
    pub record_sha256: Option<String>,
    /// Why it was not checked, or what changed.
    pub reason: Option<String>,
}

impl OriginalCheck {
    /// Whether the original contradicts the store.
    #[must_use]
    pub fn is_contradiction(&self) -> bool {
        matches!(self.state, OriginalState::Changed | OriginalState::RecordDiffers)
    }
}

/// One row of the `evidence` ledger. Arrays are JSON text in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceRow {
    /// SHA-256 of the bytes as stored (compressed, as the file or archive member holds them), lower-case hex. The evidence's name everywhere else.
    pub evidence_id: String,
    /// SHA-256 of the uncompressed content, lower-case hex; `None` where it was not read to its end.
    pub content_sha256: Option<String>,
    /// Bytes as stored.
    pub size: i64,
    /// Bytes uncompressed, as far as read.
    pub content_size: i64,
    /// Every place these bytes were met: path, or `archive!member`; sorted.
    pub origins: Vec<String>,
    /// `evidence_id` of the archive this is a member of.
    pub parent_id: Option<String>,
    /// Name inside the archive.
    pub member: Option<String>,
    /// What it holds, in words a person reads: `CloudTrail`, `VPC flow logs`, `AWS Config`, `not evidence`.
    pub kind: String,
    /// Decoder that read it (`cloudtrail`), or `none`.
    pub decoder: String,
    /// Version of that decoder: raised when it reads the same bytes differently.
    pub decoder_version: i32,
    /// What became of it.
    pub fate: Fate,
    /// Why, for every fate but `kept`; for `kept`, a remark where one is due.
    pub reason: Option<String>,
    /// Byte offset in the evidence as stored at which reading broke off, for `partial`.
    pub break_offset: Option<i64>,
    /// Where its records went.
    pub counts: Counts,
    /// Earliest event time in it, microseconds UTC.
    pub first_event_time: Option<i64>,
    /// Latest event time in it, microseconds UTC.
    pub last_event_time: Option<i64>,
    /// When it was taken in, microseconds UTC.
    pub ingested_at: i64,
    /// The run that took it in.
    pub run_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for fate in [Fate::Kept, Fate::Partial, Fate::Deferred, Fate::Ignored, Fate::Rejected, Fate::Failed] {
            assert_eq!(Fate::parse(fate.as_str()), Some(fate));
        }
    }
}
