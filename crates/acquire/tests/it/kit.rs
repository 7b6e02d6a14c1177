//! Makes containers and reads pieces.

use std::io::{Cursor, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use backtrail_acquire::{Drained, EvidenceId, Inputs, Limits, Piece, Unpacked, Workspace};

/// Small bounds, so that every path is taken with small data.
pub(crate) fn small() -> Limits {
    Limits { held: 4 << 10, member: 8 << 10, ratio: 1000, free: 1 << 20 }
}

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 1).unwrap()
}

pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, data) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with(members, zip::CompressionMethod::Deflated)
}

pub(crate) fn zip_with(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Text that compresses as logs do.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes + 100);
    let mut n = 0u64;
    while out.len() < bytes {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        writeln!(out, "{{\"eventID\":\"{n:016x}\",\"eventName\":\"DescribeInstances\"}}").unwrap();
    }
    out.truncate(bytes);
    out
}

/// A file to be opened, and a place for temporary files.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) workspace: Workspace,
}

impl Bench {
    pub(crate) fn new(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(limits, folder.path());
        Self { folder, workspace }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn open(&mut self, data: &[u8]) -> Piece {
        let path = self.path("evidence");
        std::fs::write(&path, data).unwrap();
        let found = Inputs::find(&[path.to_string_lossy().into_owned()]).unwrap().finds().next().unwrap();
        let piece = Piece::open(&found, &mut self.workspace).unwrap();
        assert_eq!(piece.id, EvidenceId::of(data));
        assert_eq!(piece.size, data.len() as u64);
        piece
    }

    pub(crate) fn read(&mut self, piece: &Piece) -> (Vec<u8>, Drained) {
        let mut content = piece.content(&mut self.workspace).unwrap();
        let mut all = Vec::new();
        while let Ok(Some(chunk)) = content.next_chunk() {
            all.extend_from_slice(chunk);
        }
        (all, content.finish(&mut self.workspace))
    }

    /// Every leaf below a piece, as (origin within it, content), and the archives' accounts.
    pub(crate) fn leaves(&mut self, piece: &Piece) -> (Vec<(String, Vec<u8>)>, Vec<Unpacked>) {
        let (mut leaves, mut accounts) = (Vec::new(), Vec::new());
        gather(piece, piece.origin.len(), &mut self.workspace, &mut leaves, &mut accounts);
        (leaves, accounts)
    }
}

fn gather(piece: &Piece, cut: usize, workspace: &mut Workspace, leaves: &mut Vec<(String, Vec<u8>)>, accounts: &mut Vec<Unpacked>) {
    let mut content = piece.content(workspace).unwrap();
    let archive = content.next_chunk().ok().flatten().and_then(backtrail_acquire::archive_of);
    let mut all = content.current().to_vec();
    if archive.is_none() {
        while let Ok(Some(chunk)) = content.next_chunk() {
            all.extend_from_slice(chunk);
        }
    }
    drop(content.finish(workspace));
    if archive.is_none() {
        leaves.push((piece.origin[cut..].to_owned(), all));
        return;
    }
    let account = piece.unpack(workspace, &mut |workspace, member| {
        assert_eq!(member.parent, Some(piece.id));
        gather(&member, cut, workspace, leaves, accounts);
        workspace.recycle(member);
        ControlFlow::Continue(())
    });
    accounts.push(account);
}
