//! What was open already before something got other groups, another table or ACL: of such a change, which is about any traffic, a conversation that only
//! began after it tells nothing where others came through before.

use hashbrown::{HashMap, HashSet};

use super::doors::{Course, Door};
use super::met::Strand;
use super::passages::{Conversation, Sums};

/// An interface, and of groups and ACLs a protocol, a port and the way.
type Opening = (u32, Option<(i32, i32, Strand)>);

/// What was open before a change; of other changes than swaps nothing is held to have been.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Tables let whoever is outside through alike, groups and ACLs a port.
    is_by_port: bool,
    openings: HashSet<Opening>,
}

impl Open {
    pub(super) fn before(door: &Door, met: &HashMap<Conversation, Sums>) -> Self {
        let mut open = Self { is_by_port: door.course != Course::Both, ..Self::default() };
        for (conversation, sums) in met.iter().filter(|_| door.is_swap()) {
            let through = if open.is_by_port { &sums.accepted_before } else { &sums.received_before };
            if through.records > 0 {
                let opening = open.opening(*conversation);
                open.openings.insert(opening);
            }
        }
        open
    }

    fn opening(&self, (interface, _, protocol, port, strand): Conversation) -> Opening {
        (interface, self.is_by_port.then_some((protocol, port, strand)))
    }

    /// Whether somebody came through before as this conversation did.
    pub(super) fn has(&self, conversation: Conversation) -> bool {
        self.openings.contains(&self.opening(conversation))
    }
}
