//! zip: by its central directory, or, where that is missing, member by member from the start.

use std::io::{Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use zip::ZipReadOptions;
use zip::read::{Config, read_zipfile_from_stream};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use crate::archive::Unpacking;
use crate::limits::{Break, Cause};
use crate::name::text_of;

const NAME: &str = "zip";

/// Visits the files in the order of the central directory. Sizes it states are not trusted; contents are bounded as they come.
pub(crate) fn read<R: Read + Seek>(reader: R, unpacking: &mut Unpacking<'_, '_, '_>) -> Result<(), Break> {
    let mut reader = reader;
    match ZipIterable::try_new(&mut reader, Config::default()) {
        Ok(archive) => by_directory(archive, unpacking),
        Err(why) => {
            let members = from_start(&mut reader, unpacking)?;
            let end = reader.seek(SeekFrom::End(0)).unwrap_or_default();
            let what = format!("its directory is missing ({why}); the {members} members before the break were read");
            Err(Break::new(end, Cause::Damaged { container: NAME, what }))
        }
    }
}

fn by_directory<R: Read + Seek>(mut archive: ZipIterable<R>, unpacking: &mut Unpacking<'_, '_, '_>) -> Result<(), Break> {
    let files = archive.files().map_err(|e| broken(0, e))?;
    while let Some(entry) = files.next() {
        let entry = entry.map_err(|e| broken(0, e))?;
        if !entry.is_file() {
            continue;
        }
        let name = text_of(entry.name_raw());
        let start = entry.header_start();
        if entry.encrypted() {
            unpacking.unreadable(&name, "encrypted");
            continue;
        }
        match entry.with_reader(files.reader_mut(), ZipReadOptions::new()) {
            Ok(mut file) => match unpacking.member(name, &mut file, None, NAME) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(()),
                Err(e) => return Err(Break::from_io(start, e)),
            },
            Err(ZipError::UnsupportedArchive(why)) => unpacking.unreadable(&name, why),
            Err(e) => unpacking.unreadable(&name, &e.to_string()),
        }
    }
    Ok(())
}

/// How many members could be read without a directory.
fn from_start<R: Read + Seek>(reader: &mut R, unpacking: &mut Unpacking<'_, '_, '_>) -> Result<u64, Break> {
    reader.seek(SeekFrom::Start(0)).map_err(|e| Break::from_io(0, e))?;
    let before = unpacking.done.members;
    while let Ok(Some(mut file)) = read_zipfile_from_stream(reader) {
        if !file.is_file() {
            continue;
        }
        let name = text_of(file.name_raw());
        let size = file.size();
        match unpacking.member(name, &mut file, Some(size), NAME) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => break,
            Err(e) => return Err(Break::from_io(0, e)),
        }
    }
    Ok(unpacking.done.members - before)
}

fn broken(offset: u64, error: ZipError) -> Break {
    match error {
        ZipError::Io(e) => Break::from_io(offset, e),
        other => Break::new(offset, Cause::Damaged { container: NAME, what: other.to_string() }),
    }
}
