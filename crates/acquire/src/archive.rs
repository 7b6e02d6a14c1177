//! Archives: their members as pieces of evidence, to a bounded depth.

use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::content::ContentReader;
use crate::limits::{Break, CHUNK, Cause, Level, MAX_DEPTH};
use crate::magic::{Archive, archive_of};
use crate::name::text_of;
use crate::piece::{Absorbed, Piece, Stored, Workspace};
use crate::{tar, zip};

/// What became of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Members handed to the visitor.
    pub members: u64,
    /// Remarks, such as members that are not files.
    pub notes: Vec<String>,
    /// Where reading it broke off; members before that were handed out.
    pub flaw: Option<Break>,
    /// Members that could not be read, with the reason.
    pub unreadable: Vec<String>,
}

/// A visitor of members: gets each piece, and may stop.
pub(crate) type Visit<'v> = dyn FnMut(&mut Workspace, Piece) -> ControlFlow<()> + 'v;

/// Most unreadable members that are named one by one.
const NAMED: usize = 20;

/// The state of going through one archive.
pub(crate) struct Unpacking<'p, 'v, 'w> {
    pub(crate) piece: &'p Piece,
    pub(crate) workspace: &'w mut Workspace,
    pub(crate) visit: &'v mut Visit<'v>,
    pub(crate) done: Unpacked,
}

impl Piece {
    /// Visits the members of the tar or zip this piece is, after taking off compression. Members are in archive order,
    /// each hashed; what they hold is in memory or in a nameless temporary file.
    pub fn unpack<'v>(&self, workspace: &mut Workspace, visit: &'v mut Visit<'v>) -> Unpacked {
        if self.depth >= MAX_DEPTH {
            let note = format!("archives nested more than {MAX_DEPTH} deep are not opened");
            return Unpacked { unreadable: vec![note], ..Unpacked::default() };
        }
        let mut unpacking = Unpacking { piece: self, workspace, visit, done: Unpacked::default() };
        if let Err(broken) = unpacking.run() {
            unpacking.done.flaw.get_or_insert(broken);
        }
        unpacking.done
    }
}

impl Unpacking<'_, '_, '_> {
    fn run(&mut self) -> Result<(), Break> {
        let mut content = self.piece.content(self.workspace)?;
        let kind = content.next_chunk()?.and_then(archive_of);
        let compressed = content.is_compressed();
        let drained = content.finish(self.workspace);
        match kind {
            Some(Archive::Tar) => self.tar(),
            Some(Archive::Zip) if compressed => self.zip_from_content(),
            Some(Archive::Zip) => match &self.piece.stored {
                Stored::Held(bytes) => zip::read(Cursor::new(bytes), self),
                Stored::Spooled(file) | Stored::File { file, .. } => zip::read(BufReader::with_capacity(CHUNK / 16, file), self),
            },
            None => Err(drained.flaw.unwrap_or_else(|| Break::new(0, Cause::Io("not an archive".to_owned())))),
        }
    }

    fn tar(&mut self) -> Result<(), Break> {
        let mut content = self.piece.content(self.workspace)?;
        let mut visit = |entry: &tar::Entry, body: &mut dyn Read| -> io::Result<ControlFlow<()>> {
            let name = text_of(&entry.name);
            if let Some(why) = entry.unreadable {
                self.unreadable(&name, why);
                return Ok(ControlFlow::Continue(()));
            }
            self.member(name, body, Some(entry.size), "tar")
        };
        let result = tar::read(ContentReader::new(&mut content), &mut visit);
        let drained = content.finish(self.workspace);
        self.done.notes.extend(drained.notes);
        result?;
        drained.flaw.map_or(Ok(()), Err)
    }

    /// A zip needs seeking: compressed as a whole, it is inflated into a temporary file first.
    fn zip_from_content(&mut self) -> Result<(), Break> {
        let mut content = self.piece.content(self.workspace)?;
        let absorbed = self.workspace.absorb(&mut ContentReader::new(&mut content), |_| Ok(()));
        let drained = content.finish(self.workspace);
        let Absorbed { stored, .. } = absorbed.map_err(|e| Break::from_io(0, e))?;
        match stored {
            Stored::Held(bytes) => zip::read(Cursor::new(&bytes), self)?,
            Stored::Spooled(mut file) | Stored::File { mut file, .. } => {
                file.seek(SeekFrom::Start(0)).map_err(|e| Break::from_io(0, e))?;
                zip::read(BufReader::with_capacity(CHUNK / 16, &file), self)?;
            }
        }
        drained.flaw.map_or(Ok(()), Err)
    }

    /// Takes one member in and shows it to the visitor. `stated` is its size where the archive can be trusted to know it.
    pub(crate) fn member(
        &mut self,
        name: String,
        body: &mut dyn Read,
        stated: Option<u64>,
        container: &'static str,
    ) -> io::Result<ControlFlow<()>> {
        let budget = Arc::clone(&self.piece.budget);
        let level = Level::Members(self.piece.depth);
        budget.check().map_err(|cause| Break::new(0, cause))?;
        let Absorbed { stored, head, id, size, mut flaw } = self.workspace.absorb(body, |count| budget.spend(level, count))?;
        if flaw.is_none() && stated.is_some_and(|s| s != size) {
            flaw = Some(Break::new(size, Cause::Truncated(container)));
        }
        let bomb = flaw.clone().filter(|f| matches!(f.cause, Cause::Bomb { .. }));
        let piece = Piece {
            origin: format!("{}!{name}", self.piece.origin),
            member: Some(name),
            parent: Some(self.piece.id),
            walked: true,
            id,
            size,
            flaw,
            stored,
            head,
            depth: self.piece.depth + 1,
            budget,
        };
        self.done.members += 1;
        let flow = (self.visit)(self.workspace, piece);
        // Beyond the bound the rest of the archive is not worth another gigabyte.
        match bomb {
            Some(broken) => Err(broken.into()),
            None => Ok(flow),
        }
    }

    pub(crate) fn unreadable(&mut self, name: &str, why: &str) {
        if self.done.unreadable.len() < NAMED {
            self.done.unreadable.push(format!("{name}: {why}"));
        }
    }
}
