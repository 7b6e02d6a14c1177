//! Lineage: which call issued the credentials an event was made with, and who made that call, up to the origin.
//!
//! What is known is a set of [`Issued`]: calls that gave somebody a key or a session, each with its own caller. A *use* (the principal of any
//! event, as a [`Holder`]) is joined to what issued it by the rules of [`Lineage::parents`]; repeated, that gives its [`Chain`]. All of it is a
//! pure function of the set, so that evidence that comes late, or in another order, gives the answer it would have given at once.
//!
//! Nothing is joined by a session name, which whoever assumes a role may choose. Where two calls fit, both are listed. Where none does, the
//! chain ends with what evidence would fill it.

mod attribution;
mod chain;
mod descent;
mod holder;
mod issued;
mod issued_keys;
mod links;
#[cfg(test)]
mod made;
mod motion;
mod origin;
mod passwords;
mod read;
mod rows;
mod wanted;

pub use attribution::{Actors, Attribution};
pub use chain::{Caller, Chain, Missing, Path, Step};
pub(crate) use descent::{Descent, MOST as MOST_FOLLOWED};
pub(crate) use holder::identity_type;
pub(crate) use holder::second;
pub use holder::{Holder, Workload};
pub use issued::Issued;
pub(crate) use issued::is_one;
pub(crate) use issued_keys::IssuedKeys;
pub(crate) use links::{BY_KEY, BY_SESSION, begun_before, without_path};
pub use links::{Lineage, Link, Strength};
pub use motion::{MotionBasis, Mover, Part, SetInMotion};
pub(crate) use motion::{Sessions, SetOff, Setting, is_of_stacks};
pub(crate) use origin::Who;
pub use origin::{Origin, OriginKind};
pub(crate) use origin::{is_reserved, workload_words};
pub(crate) use passwords::PasswordEnds;
pub(crate) use read::{FewIssued, HOLDER_COLUMNS, holders};
pub(crate) use rows::SoughtRows;
pub(crate) use wanted::{USED, Wanted};
