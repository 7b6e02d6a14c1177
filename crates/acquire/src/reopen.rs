//! Back to a piece of evidence by the place where it was met: to open a citation and check its hash again.

use std::io;
use std::ops::ControlFlow;

use crate::name::path_of;
use crate::piece::{EvidenceId, Piece, Workspace};
use crate::walk::Found;

impl Piece {
    /// The piece that is now at `origin` (a path, or `archive!member` to any depth). Where several members have the name,
    /// the one whose bytes are `expected`, else the first. `None` where nothing is there any more; whether it still is the
    /// same evidence its `id` tells.
    ///
    /// # Errors
    /// What the operating system says where the file is there and cannot be read.
    pub fn reopen(origin: &str, expected: EvidenceId, workspace: &mut Workspace) -> io::Result<Option<Self>> {
        // A file may have `!` in its name: the longest path that is a file is the outermost one.
        let ends = std::iter::once(origin.len()).chain(origin.rmatch_indices('!').map(|(at, _)| at));
        for end in ends {
            let path = path_of(&origin[..end]);
            if path.is_file() {
                let piece = Self::open(&Found::named(&path), workspace)?;
                return Ok(match origin.get(end + 1..) {
                    None => Some(piece),
                    Some(rest) => member(&piece, rest, expected, workspace),
                });
            }
        }
        Ok(None)
    }
}

fn member(archive: &Piece, name: &str, expected: EvidenceId, workspace: &mut Workspace) -> Option<Piece> {
    let mut best: Option<Piece> = None;
    drop(archive.unpack(workspace, &mut |workspace, piece| {
        let own = piece.member.as_deref().unwrap_or_default();
        let candidate = if own == name {
            Some(piece)
        } else {
            let inner = name.strip_prefix(own).and_then(|rest| rest.strip_prefix('!'));
            let found = inner.and_then(|rest| member(&piece, rest, expected, workspace));
            workspace.recycle(piece);
            found
        };
        let exact = candidate.as_ref().is_some_and(|c| c.id == expected);
        if exact || best.is_none() {
            best = candidate.or_else(|| best.take());
        }
        if exact { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }));
    best
}
