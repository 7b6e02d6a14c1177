//! Which bytes are in the store already, or being read by another thread: told by their hash, with where they were met.

use std::collections::{HashMap, HashSet};

use backtrail_acquire::EvidenceId;
use backtrail_flowlogs::Named;
use backtrail_model::evidence::{EvidenceRow, Fate};
use sha2::{Digest, Sha256};

use crate::registry::current_version;

/// What is known of a piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the ledger, read by the decoder this version has: nothing to do.
    Current,
    /// As `Current`, but passed over because it lay in a folder: naming it deserves an answer.
    Ignored,
    /// In the ledger, to be read again.
    Again,
    /// Taken by a thread of this run.
    Taken,
}

/// What to do with a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Read it.
    Read,
    /// It is known, from this very place.
    Known,
    /// It is known, or being read, from another place: that place is to be added.
    NewOrigin,
}

/// The ledger's ids and places, in 50 bytes or so for each piece.
#[derive(Debug, Default)]
pub(crate) struct Known {
    states: HashMap<EvidenceId, State>,
    /// Truncated hashes of id and origin.
    origins: HashSet<[u8; 16]>,
    /// Ids that stand for places that could not be read.
    unreadable: HashSet<EvidenceId>,
    /// Of flow logs, the least flow log's id that any name of the same bytes says.
    flow_logs: HashMap<EvidenceId, String>,
}

impl Known {
    pub(crate) fn add(&mut self, row: &EvidenceRow) {
        let Some(id) = EvidenceId::parse(&row.evidence_id) else { return };
        let current = current_version(&row.decoder).is_some_and(|v| v == row.decoder_version);
        let state = match row.fate {
            _ if !current => State::Again,
            Fate::Ignored => State::Ignored,
            // Nothing but another decoder could make more of deferred evidence.
            Fate::Kept | Fate::Deferred => State::Current,
            fate if fate.is_read_again() => State::Again,
            _ => State::Current,
        };
        self.states.insert(id, state);
        for origin in &row.origins {
            self.origins.insert(place(id, origin));
            self.names_another(id, origin);
            if row.fate == Fate::Failed && id == unreadable_id(origin) {
                self.unreadable.insert(id);
            }
        }
    }

    /// Decides what to do with a piece, and takes it where it is to be read.
    pub(crate) fn claim(&mut self, id: EvidenceId, origin: &str, walked: bool) -> Claim {
        let new_place = self.origins.insert(place(id, origin));
        // The name says of rows what the bytes do not.
        let is_renamed = new_place && self.names_another(id, origin);
        match self.states.get(&id) {
            None | Some(State::Again) => {}
            Some(State::Ignored) if !walked => {}
            Some(_) if is_renamed => {}
            Some(_) if new_place => return Claim::NewOrigin,
            Some(_) => return Claim::Known,
        }
        self.states.insert(id, State::Taken);
        Claim::Read
    }

    /// Whether an origin's name says a lesser flow log than all that were met of these bytes: its rows are then those of that one, in whichever order
    /// the names were met.
    fn names_another(&mut self, id: EvidenceId, origin: &str) -> bool {
        let Some(named) = Named::of(origin).flow_log_id else { return false };
        let is_less = self.flow_logs.get(&id).is_none_or(|known| named < *known);
        if is_less {
            self.flow_logs.insert(id, named);
        }
        is_less
    }

    /// Whether the ledger says that this place could not be read; says so once.
    pub(crate) fn was_unreadable(&mut self, origin: &str) -> bool {
        !self.unreadable.is_empty() && self.unreadable.remove(&unreadable_id(origin))
    }
}

fn place(id: EvidenceId, origin: &str) -> [u8; 16] {
    let digest = Sha256::new().chain_update(id.0).chain_update(origin.as_bytes()).finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

/// The ledger id of a place whose bytes could not be had: there is nothing else to hash.
pub(crate) fn unreadable_id(origin: &str) -> EvidenceId {
    EvidenceId::of(format!("unreadable: {origin}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::tests::row;

    #[test]
    fn claims() {
        let id = |n: u8| EvidenceId([n; 32]);
        let mut known = Known::default();
        let stored = |n, fate, decoder: &str, version| EvidenceRow {
            evidence_id: id(n).to_string(),
            origins: vec!["/a".to_owned()],
            decoder: decoder.to_owned(),
            decoder_version: version,
            ..row(fate, None)
        };
        let [decoder, registry] = ["cloudtrail", "none"].map(|name| current_version(name).expect("a decoder of this version"));
        known.add(&stored(1, Fate::Kept, "cloudtrail", decoder));
        known.add(&stored(2, Fate::Partial, "cloudtrail", decoder));
        known.add(&stored(3, Fate::Kept, "cloudtrail", decoder - 1));
        known.add(&stored(4, Fate::Deferred, "none", registry));
        known.add(&stored(5, Fate::Deferred, "none", registry - 1));
        known.add(&stored(6, Fate::Ignored, "none", registry));
        assert_eq!(known.claim(id(1), "/a", true), Claim::Known);
        assert_eq!(known.claim(id(1), "/b", true), Claim::NewOrigin);
        assert_eq!(known.claim(id(1), "/b", true), Claim::Known);
        assert_eq!(known.claim(id(2), "/a", true), Claim::Read);
        assert_eq!(known.claim(id(2), "/a", true), Claim::Known, "taken by now");
        assert_eq!(known.claim(id(3), "/a", true), Claim::Read, "by an older decoder");
        assert_eq!(known.claim(id(4), "/a", true), Claim::Known);
        assert_eq!(known.claim(id(5), "/a", true), Claim::Read, "this version may know more kinds");
        assert_eq!(known.claim(id(6), "/a", true), Claim::Known);
        assert_eq!(known.claim(id(6), "/a", false), Claim::Read, "named now");
        assert_eq!(known.claim(id(9), "/x", true), Claim::Read);
        assert_eq!(known.claim(id(9), "/y", true), Claim::NewOrigin);
        let named = |log: &str| format!("/111122223333_vpcflowlogs_eu-west-1_fl-{log}_t_h.log.gz");
        assert_eq!(known.claim(id(8), "/copy.log.gz", true), Claim::Read);
        assert_eq!(known.claim(id(8), &named("2"), true), Claim::Read, "now it is known whose flow log it is");
        assert_eq!(known.claim(id(8), &named("3"), true), Claim::NewOrigin);
        assert_eq!(known.claim(id(8), &named("1"), true), Claim::Read, "the least, whatever the order");
        assert_eq!(known.claim(id(8), &named("1"), true), Claim::Known);
    }
}
