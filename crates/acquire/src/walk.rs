//! What there is to read: files, folders, globs and standard input, in an order that brings dates together.
//!
//! Folders are surveyed once for their number of files; their names are listed again when their turn comes, so that memory holds the
//! folders and the names of one of them, not of all files. No file is looked at before it is opened, but to tell how many bytes there are
//! while others are read ([`Scales`]): an estate's day is thousands of small files.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use crate::AcquireError;
use crate::name::{is_pattern, text_of, text_of_path};

/// A date as `YYYYMMDD`, for order only; 0 where none is stated.
type DateHint = u32;

/// One thing to open.
#[derive(Debug, Clone)]
pub struct Found {
    /// Absolute path, or `-`.
    pub origin: String,
    /// Whether it was met while walking, rather than named by the user.
    pub walked: bool,
    pub(crate) place: Place,
}

#[derive(Debug, Clone)]
pub(crate) enum Place {
    File(PathBuf),
    /// A pipe the user named: what `<(zcat x)` gives, and read like standard input.
    Stream(PathBuf),
    /// Neither file nor folder, and not to be opened: a pipe met in a folder may wait for ever for a writer, a device never end.
    Special(&'static str),
    Stdin,
    /// Met, but not to be had.
    Unreadable(String),
}

impl Found {
    fn file(path: PathBuf, walked: bool) -> Self {
        Self { origin: text_of_path(&path), walked, place: Place::File(path) }
    }

    fn special(path: &Path, what: &'static str, walked: bool) -> Self {
        Self { origin: text_of_path(path), walked, place: Place::Special(what) }
    }

    /// What it is, where it is nothing that holds evidence: a device, a socket, a pipe nobody named.
    #[must_use]
    pub fn is_special(&self) -> Option<&'static str> {
        if let Place::Special(what) = self.place { Some(what) } else { None }
    }

    /// A file by its path.
    pub(crate) fn named(path: &Path) -> Self {
        Self::file(path.to_owned(), false)
    }

    fn unreadable(path: &Path, why: &std::io::Error) -> Self {
        Self { origin: text_of_path(path), walked: true, place: Place::Unreadable(why.to_string()) }
    }
}

#[derive(Clone)]
struct Folder {
    date: DateHint,
    path: PathBuf,
    fits: Option<Arc<GlobMatcher>>,
}

impl Folder {
    /// Whether a name in it was asked for.
    fn holds(&self, entry: &fs::DirEntry) -> bool {
        self.fits.as_ref().is_none_or(|glob| glob.is_match(entry.path()))
    }
}

/// Everything the user named, surveyed.
pub struct Inputs {
    /// Files to be met.
    pub files: u64,
    /// Folders not walked: what they hold is no evidence, but what was made of it.
    pub stores: Vec<String>,
    singles: Vec<(DateHint, Found)>,
    folders: Vec<Folder>,
    visited: HashSet<PathBuf>,
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs").field("files", &self.files).field("folders", &self.folders.len()).finish()
    }
}

impl Inputs {
    /// Looks for each input: `-`, a file, a folder (walked, following links), or a pattern with `*`, `?`, `[` or `{`.
    ///
    /// # Errors
    /// An input that is not there, before anything is read.
    pub fn find<S: AsRef<OsStr>>(inputs: &[S]) -> Result<Self, AcquireError> {
        let mut found = Self { files: 0, stores: Vec::new(), singles: Vec::new(), folders: Vec::new(), visited: HashSet::new() };
        for input in inputs {
            found.add(input.as_ref())?;
        }
        found.singles.sort_by(|a, b| (a.0, &a.1.origin).cmp(&(b.0, &b.1.origin)));
        found.folders.sort_by(|a, b| (a.date, &a.path).cmp(&(b.date, &b.path)));
        Ok(found)
    }

    /// Says early of inputs that are not there, and looks no further.
    ///
    /// # Errors
    /// The first that is no file, no folder and no pattern.
    pub fn expect<S: AsRef<OsStr>>(inputs: &[S]) -> Result<(), AcquireError> {
        let is_missing = |input: &&OsStr| {
            let is_named = *input != "-" && !is_pattern(input) && !input.as_bytes().starts_with(b"s3://");
            is_named && fs::metadata(input).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
        };
        match inputs.iter().map(AsRef::as_ref).find(is_missing) {
            Some(input) => Err(AcquireError::NotFound { input: text_of(input.as_bytes()) }),
            None => Ok(()),
        }
    }

    fn add(&mut self, input: &OsStr) -> Result<(), AcquireError> {
        if input == "-" {
            self.files += 1;
            self.singles.push((0, Found { origin: "-".to_owned(), walked: false, place: Place::Stdin }));
            return Ok(());
        }
        let named = || text_of(input.as_bytes());
        let io = |source| AcquireError::Io { path: named(), source };
        match fs::metadata(input) {
            Ok(metadata) => {
                let path = std::path::absolute(input).map_err(io)?;
                if metadata.is_dir() {
                    self.survey(path, None);
                } else {
                    self.single(path, &metadata, false);
                }
                Ok(())
            }
            Err(_) if input.as_bytes().starts_with(b"s3://") => Err(AcquireError::Unsupported { input: named(), what: "S3 directly" }),
            Err(_) if is_pattern(input) => self.pattern(&named()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(AcquireError::NotFound { input: named() }),
            Err(e) => Err(io(e)),
        }
    }

    fn single(&mut self, path: PathBuf, metadata: &fs::Metadata, walked: bool) {
        self.files += 1;
        let date = date_of_path(&path);
        let found = match special(metadata) {
            Some(PIPE) => Found { place: Place::Stream(path.clone()), ..Found::file(path, walked) },
            Some(what) => Found::special(&path, what, walked),
            None => Found::file(path, walked),
        };
        self.singles.push((date, found));
    }

    /// Walks from the part of a pattern before its first special character.
    fn pattern(&mut self, input: &str) -> Result<(), AcquireError> {
        let wrong = |source| AcquireError::Pattern { pattern: input.to_owned(), source };
        let io = |source| AcquireError::Io { path: input.to_owned(), source };
        let absolute = std::path::absolute(input).map_err(io)?;
        let glob = GlobBuilder::new(&absolute.to_string_lossy()).literal_separator(true).build().map_err(wrong)?.compile_matcher();
        let special = |c: &Component<'_>| is_pattern(c.as_os_str());
        let base: PathBuf = absolute.components().take_while(|c| !special(c)).collect();
        let before = self.files;
        let troubles = self.singles.len();
        self.survey(base, Some(&Arc::new(glob)));
        if self.files == before && self.singles.len() == troubles {
            return Err(AcquireError::NothingFits { pattern: input.to_owned() });
        }
        Ok(())
    }

    /// Counts what is below `root`, visiting each folder once however many links lead to it.
    fn survey(&mut self, root: PathBuf, glob: Option<&Arc<GlobMatcher>>) {
        // A folder that fits the pattern itself is walked whole.
        let mut ahead = vec![(root, glob.cloned())];
        while let Some((path, fits)) = ahead.pop() {
            let canonical = match path.canonicalize() {
                Ok(canonical) => canonical,
                Err(e) => {
                    self.trouble(&path, &e);
                    continue;
                }
            };
            // Under a pattern a folder may be met again by another pattern with other files in it.
            if fits.is_none() && !self.visited.insert(canonical.clone()) {
                continue;
            }
            if fits.is_some() && path.ancestors().skip(1).any(|a| a.canonicalize().is_ok_and(|a| a == canonical)) {
                continue;
            }
            if is_store(&path) {
                self.stores.push(text_of_path(&path));
                continue;
            }
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(e) => {
                    self.trouble(&path, &e);
                    continue;
                }
            };
            let (mut any, mut folders) = (false, Vec::new());
            for entry in entries {
                match entry.and_then(|e| Ok((kind_of(&e)?, e))) {
                    Ok((Is::Folder, entry)) => {
                        let inner = entry.path();
                        let inner_fits = fits.clone().filter(|g| !g.is_match(&inner));
                        folders.push((inner, inner_fits));
                    }
                    Ok((_, entry)) if fits.as_ref().is_none_or(|g| g.is_match(entry.path())) => {
                        any = true;
                        self.files += 1;
                    }
                    Ok(_) => {}
                    Err(e) => self.trouble(&path, &e),
                }
            }
            folders.sort_by(|a, b| a.0.cmp(&b.0));
            ahead.extend(folders.into_iter().rev());
            if any {
                self.folders.push(Folder { date: date_of_folder(&path), path, fits });
            }
        }
    }

    fn trouble(&mut self, path: &Path, why: &std::io::Error) {
        self.files += 1;
        self.singles.push((0, Found::unreadable(path, why)));
    }

    /// Tells how many bytes there are, beside the one who reads them.
    #[must_use]
    pub fn scales(&self) -> Scales {
        let files =
            self.singles.iter().filter_map(|(_, found)| if let Place::File(path) = &found.place { Some(path.clone()) } else { None });
        Scales { files: files.collect(), folders: self.folders.clone() }
    }

    /// Everything, one at a time.
    #[must_use]
    pub fn finds(self) -> Finds {
        let singles: Vec<Found> = self.singles.into_iter().map(|(_, found)| found).collect();
        Finds { singles: singles.into_iter(), folders: self.folders.into_iter(), folder: PathBuf::new(), names: Vec::new().into_iter() }
    }
}

/// What was found, file by file: named files first, then folders by date.
#[derive(Debug)]
pub struct Finds {
    singles: std::vec::IntoIter<Found>,
    folders: std::vec::IntoIter<Folder>,
    folder: PathBuf,
    names: std::vec::IntoIter<Name>,
}

/// Weighs what was found.
#[derive(Debug)]
pub struct Scales {
    files: Vec<PathBuf>,
    folders: Vec<Folder>,
}

impl Scales {
    /// Stored bytes of files, as the file system says, in portions; goes on as long as `tell` says so. What cannot be looked at weighs nothing.
    pub fn weigh(self, mut tell: impl FnMut(u64) -> bool) {
        let size = |metadata: std::io::Result<fs::Metadata>| metadata.ok().filter(fs::Metadata::is_file).map_or(0, |m| m.len());
        let mut goes_on = tell(self.files.iter().map(|path| size(fs::metadata(path))).sum());
        for folder in &self.folders {
            if !goes_on {
                return;
            }
            let Ok(entries) = fs::read_dir(&folder.path) else { continue };
            let fit = entries.flatten().filter(|entry| folder.holds(entry));
            goes_on = tell(fit.map(|entry| size(metadata_of(&entry))).sum());
        }
    }
}

/// A name in a folder.
#[derive(Debug)]
struct Name {
    name: OsString,
    /// Whether it is plainly a file.
    is_file: bool,
}

/// What a name in a folder leads to, as far as the walk tells it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Folder,
    File,
    /// A pipe, a device, a link to what is no folder.
    Other,
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Folder").field(&self.path).finish()
    }
}

impl Iterator for Finds {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(found) = self.singles.next() {
                return Some(found);
            }
            for Name { name, is_file } in self.names.by_ref() {
                let path = self.folder.join(name);
                let found = if is_file { Some(Found::file(path, true)) } else { look_at(path) };
                if found.is_some() {
                    return found;
                }
            }
            let folder = self.folders.next()?;
            match names_in(&folder) {
                Ok(names) => self.names = names.into_iter(),
                Err(e) => return Some(Found::unreadable(&folder.path, &e)),
            }
            self.folder = folder.path;
        }
    }
}

/// Whether a folder is a store of this program: told by the file in which it says so.
fn is_store(path: &Path) -> bool {
    /// Where a store says which format it has.
    const MARK: &str = "backtrail-store.json";
    fs::metadata(path.join(MARK)).is_ok_and(|mark| mark.is_file())
}

/// What a name in a folder leads to, or the link itself where that leads nowhere. The system looks a name up in the folder at hand, without walking
/// down the whole path again.
fn metadata_of(entry: &fs::DirEntry) -> std::io::Result<fs::Metadata> {
    let own = entry.metadata()?;
    if own.is_symlink() { Ok(fs::metadata(entry.path()).unwrap_or(own)) } else { Ok(own) }
}

/// The folder says itself what most names in it are, without a look at each.
fn kind_of(entry: &fs::DirEntry) -> std::io::Result<Is> {
    let own = entry.file_type()?;
    let is_folder = own.is_dir() || (own.is_symlink() && fs::metadata(entry.path()).is_ok_and(|led_to| led_to.is_dir()));
    Ok(match own {
        _ if is_folder => Is::Folder,
        own if own.is_file() => Is::File,
        _ => Is::Other,
    })
}

/// A walked path, unless it is a folder.
fn look_at(path: PathBuf) -> Option<Found> {
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => None,
        Ok(metadata) if metadata.is_file() => Some(Found::file(path, true)),
        Ok(metadata) => Some(Found::special(&path, special(&metadata).unwrap_or("neither file nor folder"), true)),
        Err(e) => Some(Found::unreadable(&path, &e)),
    }
}

const PIPE: &str = "a pipe";

/// What it is, if it is no regular file.
#[cfg(unix)]
fn special(metadata: &fs::Metadata) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_file() {
        None
    } else if kind.is_fifo() {
        Some(PIPE)
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

#[cfg(not(unix))]
fn special(metadata: &fs::Metadata) -> Option<&'static str> {
    (!metadata.is_file()).then_some(PIPE)
}

fn names_in(folder: &Folder) -> std::io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder.path)? {
        let entry = entry?;
        let kind = kind_of(&entry).unwrap_or(Is::Other);
        if kind != Is::Folder && folder.holds(&entry) {
            names.push(Name { name: entry.file_name(), is_file: kind == Is::File });
        }
    }
    names.sort_by_cached_key(|Name { name, .. }| (date_in_name(&name.to_string_lossy()), name.clone()));
    Ok(names)
}

fn date_of_path(path: &Path) -> DateHint {
    match path.file_name().map(|n| date_in_name(&n.to_string_lossy())) {
        Some(date) if date > 0 => date,
        _ => path.parent().map_or(0, date_of_folder),
    }
}

/// The last `YYYY/MM/DD` among a path's components.
fn date_of_folder(path: &Path) -> DateHint {
    let numbers: Vec<Option<(usize, u32)>> = path
        .components()
        .map(|c| c.as_os_str().to_str().filter(|t| !t.is_empty() && t.len() <= 4).and_then(|t| Some((t.len(), t.parse().ok()?))))
        .collect();
    numbers
        .windows(3)
        .rev()
        .find_map(|w| match w {
            [Some((4, year)), Some((..=2, month)), Some((..=2, day))] => date(*year, *month, *day),
            _ => None,
        })
        .unwrap_or(0)
}

/// The first `YYYYMMDDT` in a name.
fn date_in_name(name: &str) -> DateHint {
    let bytes = name.as_bytes();
    bytes
        .windows(9)
        .filter(|w| w[8] == b'T' && w[..8].iter().all(u8::is_ascii_digit))
        .find_map(|w| {
            let number = w[..8].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
            date(number / 10_000, number / 100 % 100, number % 100)
        })
        .unwrap_or(0)
}

fn date(year: u32, month: u32, day: u32) -> Option<DateHint> {
    ((2006..2200).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)).then_some(year * 10_000 + month * 100 + day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(root: &Path, names: &[&str]) {
        for name in names {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
    }

    fn found(root: &Path, inputs: &[&str]) -> Vec<String> {
        let inputs: Vec<String> =
            inputs.iter().map(|i| if *i == "-" { (*i).to_owned() } else { root.join(i).to_string_lossy().into_owned() }).collect();
        let inputs = Inputs::find(&inputs).unwrap();
        let count = inputs.files;
        let names: Vec<String> =
            inputs.finds().map(|f| f.origin.strip_prefix(&format!("{}/", root.display())).unwrap_or(&f.origin).to_owned()).collect();
        assert_eq!(count, names.len() as u64, "the survey counts what is then found");
        names
    }

    #[test]
    fn dates_come_together_over_accounts_and_regions() {
        let root = tempfile::tempdir().unwrap();
        let key = |account: &str, day: &str, name: &str| format!("AWSLogs/{account}/CloudTrail/eu-west-1/2026/03/{day}/{name}.json.gz");
        let names = [key("1", "02", "b"), key("1", "01", "a"), key("2", "01", "z"), key("2", "02", "a"), "notes.txt".to_owned()];
        make(root.path(), &names.iter().map(String::as_str).collect::<Vec<_>>());
        let expected = ["notes.txt".to_owned(), key("1", "01", "a"), key("2", "01", "z"), key("1", "02", "b"), key("2", "02", "a")];
        assert_eq!(found(root.path(), &["."]), expected.map(|n| n.clone()));
    }

    #[test]
    fn a_flat_folder_is_ordered_by_the_delivery_time_in_its_names() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), &["1_CloudTrail_eu_20260302T0000Z_x.json.gz", "9_CloudTrail_eu_20260301T0000Z_x.json.gz", "a.json"]);
        let expected = ["a.json", "9_CloudTrail_eu_20260301T0000Z_x.json.gz", "1_CloudTrail_eu_20260302T0000Z_x.json.gz"];
        assert_eq!(found(root.path(), &["."]), expected);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_loops_are_not() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), &["a/one", "b/two"]);
        std::os::unix::fs::symlink(root.path(), root.path().join("a/up")).unwrap();
        std::os::unix::fs::symlink("one", root.path().join("a/same")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("a/dangling")).unwrap();
        assert_eq!(found(root.path(), &["."]), ["a/dangling", "a/one", "a/same", "b/two"]);
        assert_eq!(found(root.path(), &["**/one"]), ["a/one"]);
    }

    #[test]
    fn stores_are_no_evidence_wherever_they_lie() {
        let root = tempfile::tempdir().unwrap();
        make(
            root.path(),
            &[
                "a.json",
                "backtrail-store/backtrail-store.json",
                "backtrail-store/evidence/_delta_log/0.json",
                "x/s/backtrail-store.json",
                "x/s/b",
                "x/c",
            ],
        );
        assert_eq!(found(root.path(), &["."]), ["a.json", "x/c"]);
        assert_eq!(found(root.path(), &["**/*.json"]), ["a.json"]);
        let inputs = Inputs::find(&[root.path()]).unwrap();
        assert_eq!(inputs.stores, ["backtrail-store", "x/s"].map(|store| root.path().join(store).to_string_lossy().into_owned()));
        assert_eq!(found(root.path(), &["x/s/b"]), ["x/s/b"], "what is named is read");
    }

    #[test]
    fn patterns() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), &["x/1.json", "x/2.txt", "x/deep/3.json", "y/4.json", "odd[1].json"]);
        assert_eq!(found(root.path(), &["*/*.json"]), ["x/1.json", "y/4.json"]);
        assert_eq!(found(root.path(), &["**/*.json"]), ["odd[1].json", "x/1.json", "x/deep/3.json", "y/4.json"]);
        assert_eq!(found(root.path(), &["x*"]), ["x/1.json", "x/2.txt", "x/deep/3.json"]);
        assert_eq!(found(root.path(), &["odd[1].json"]), ["odd[1].json"], "a file of that very name comes first");
        let nothing = Inputs::find(&[root.path().join("*.csv").to_string_lossy().into_owned()]);
        assert!(matches!(nothing, Err(AcquireError::NothingFits { .. })));
        let missing = Inputs::find(&[root.path().join("absent").to_string_lossy().into_owned()]);
        assert!(matches!(missing, Err(AcquireError::NotFound { .. })));
    }
}
