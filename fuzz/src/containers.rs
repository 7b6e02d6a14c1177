//! Containers: whatever the bytes are, reading them ends, within its bounds, and twice the same.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::PathBuf;

use backtrail_acquire::{Cause, Drained, EvidenceId, Inputs, Limits, Piece, Workspace, archive_of};

/// So small that an input of a few kilobytes reaches every bound.
const LIMITS: Limits = Limits { held: 2 << 10, member: 4 << 10, ratio: 100, free: 256 << 10 };
/// What a chunk may be beyond the bound at which reading stops.
const CHUNK: u64 = 1 << 20;
/// Members inside members that are looked into; `acquire` itself opens fewer.
const DEPTH: usize = 8;

/// A folder for the input, and what is reused from input to input.
struct Place {
    folder: tempfile::TempDir,
    workspace: Workspace,
}

impl Place {
    fn path(&self) -> PathBuf {
        self.folder.path().join("evidence")
    }
}

thread_local! {
    static PLACE: RefCell<Place> = RefCell::new({
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::new(LIMITS, folder.path());
        Place { folder, workspace }
    });
}

/// The bytes are a file of evidence.
pub fn check(data: &[u8]) {
    PLACE.with_borrow_mut(|place| {
        let path = place.path();
        std::fs::write(&path, data).expect("a file");
        let found = Inputs::find(&[path.to_string_lossy().into_owned()]).expect("it is there").finds().next().expect("one file");
        let piece = Piece::open(&found, &mut place.workspace).expect("a readable file");
        assert_eq!((piece.id, piece.size), (EvidenceId::of(data), data.len() as u64));
        look_into(&piece, data.len() as u64, 0, &mut place.workspace);
        place.workspace.recycle(piece);
    });
}

fn look_into(piece: &Piece, stored: u64, depth: usize, workspace: &mut Workspace) {
    assert!(depth < DEPTH, "archives inside archives are followed without end");
    let (first, drained) = read(piece, workspace);
    let bound = LIMITS.free.max(stored * LIMITS.ratio) + CHUNK;
    assert!(drained.size <= bound.max(piece.size), "{} bytes came out of {stored}", drained.size);
    // A file that has proved a bomb is not read again: that is the one thing remembered of it.
    let again = read(piece, workspace).1;
    assert!(again == drained || is_bomb(&again), "the second reading differs: {again:?} after {drained:?}");
    if archive_of(&first).is_none() {
        return;
    }
    let id = piece.id;
    // The account of an archive is its own; what breaks in it was said there.
    let _account = piece.unpack(workspace, &mut |workspace, member| {
        assert_eq!(member.parent, Some(id));
        look_into(&member, stored, depth + 1, workspace);
        workspace.recycle(member);
        ControlFlow::Continue(())
    });
}

fn is_bomb(drained: &Drained) -> bool {
    drained.flaw.as_ref().is_some_and(|flaw| matches!(flaw.cause, Cause::Bomb { .. }))
}

/// The first bytes of the content, and the account of all of it.
fn read(piece: &Piece, workspace: &mut Workspace) -> (Vec<u8>, Drained) {
    let mut content = match piece.content(workspace) {
        Ok(content) => content,
        Err(broken) => panic!("a file cannot be read from its start: {broken}"),
    };
    let (mut first, mut size, mut position) = (Vec::new(), 0, 0);
    while let Ok(Some(chunk)) = content.next_chunk() {
        assert!(!chunk.is_empty(), "an empty chunk is no chunk");
        size += chunk.len() as u64;
        if first.is_empty() {
            first = chunk[..chunk.len().min(1024)].to_vec();
        }
        assert!(content.position() >= position, "the position goes back");
        position = content.position();
    }
    assert!(matches!(content.next_chunk(), Ok(None) | Err(_)), "nothing follows the end");
    let drained = content.finish(workspace);
    assert_eq!(drained.size, size);
    (first, drained)
}
