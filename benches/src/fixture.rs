//! The evidence that is checked in: a small incident, every way to a session, and flow logs, each with its truth, and broken pieces with
//! what is expected of them.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::generate::{self, GenerateArgs, Story};
use crate::say;

/// Where to.
#[derive(Debug, Args)]
pub(crate) struct FixtureArgs {
    /// Folder of the fixtures
    #[arg(long, default_value = "fixtures", value_name = "DIR")]
    out: PathBuf,
}

/// `fixture`: replaces what is checked in.
pub(crate) fn run(args: &FixtureArgs) -> Result<()> {
    for folder in ["incident", "lineage", "flows", "flows-routes", "broken"] {
        let path = args.out.join(folder);
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    let at = write(&args.out)?;
    say(&format!("fixtures written to {}; ask with --at {at}", args.out.display()))
}

/// Writes all fixtures below a folder; returns the incident's time.
fn write(out: &Path) -> Result<String> {
    let args = GenerateArgs {
        out: out.join("incident"),
        seed: 20_251_015,
        events: 1500,
        accounts: 3,
        regions: 3,
        days: 2,
        noise: 0.93,
        start: "2025-10-14".to_owned(),
        story: Story::LeakedKey,
    };
    let generated = generate::generate(&args)?;
    generate::generate(&GenerateArgs {
        out: out.join("lineage"),
        seed: 20_251_111,
        events: 220,
        accounts: 4,
        regions: 2,
        start: "2025-11-10".to_owned(),
        story: Story::Lineage,
        ..args.clone()
    })?;
    generate::flows_fixture(out)?;
    broken(&args.out, &out.join("broken"))?;
    Ok(generated.at)
}

/// Pieces that are broken, each in one way, made from the largest log file of the incident.
fn broken(incident: &Path, out: &Path) -> Result<()> {
    let (name, records) = largest(incident)?;
    let records: Vec<&str> = records.iter().map(|r| r.get()).collect();
    let document = |part: &[&str]| format!(r#"{{"Records":[{}]}}"#, part.join(","));
    let mut expected = serde_json::Map::new();
    let mut piece = |name: &str, bytes: &[u8], expect: Value| -> Result<()> {
        expected.insert(name.to_owned(), expect);
        generate::write_file(&out.join(name), bytes)
    };

    let whole = generate::gzip(document(&records).as_bytes());
    let cut = &whole[..whole.len() * 3 / 5];
    let kept = complete_before_break(cut, &records);
    piece(
        "truncated.json.gz",
        cut,
        json!({ "what": "a gzip file that ends early", "fate": "partial", "kept": kept, "rejected": 0, "break_offset": cut.len() }),
    )?;

    let unfinished = document(&records[..5]);
    let unfinished = &unfinished[..unfinished.len() - records[4].len() / 2];
    piece(
        "unfinished.json",
        unfinished.as_bytes(),
        json!({ "what": "a document that ends inside its fifth record", "fate": "partial", "kept": 4 }),
    )?;

    let bad = records[2].replacen(r#""readOnly":"#, r#""readOnly"="#, 1);
    let mixed = document(&[records[0], records[1], &bad, records[3], records[4]]);
    piece(
        "one-bad-record.json",
        mixed.as_bytes(),
        json!({ "what": "the third of five records is not JSON", "read": 5, "kept": 4, "rejected": 1, "rejected_index": 2 }),
    )?;

    piece(
        "plain-despite-its-name.json.gz",
        document(&records[5..8]).as_bytes(),
        json!({ "what": "plain JSON under a gzip name", "fate": "kept", "kept": 3 }),
    )?;
    let members = [generate::gzip(document(&records[8..10]).as_bytes()), generate::gzip(document(&records[10..12]).as_bytes())].concat();
    piece("two-members.json.gz", &members, json!({ "what": "two gzip members, a document in each", "fate": "kept", "kept": 4 }))?;
    piece(
        "no-records.json.gz",
        &generate::gzip(document(&[]).as_bytes()),
        json!({ "what": "a log file without records", "fate": "kept", "kept": 0 }),
    )?;

    let note = json!({ "made_from": name, "note": "Ingested by itself, broken ends with exit code 3. All records are copies of the incident's.", "pieces": expected });
    generate::write_file(&generate::beside(out, "expected.json"), format!("{}\n", serde_json::to_string_pretty(&note)?).as_bytes())
}

/// How many records stand whole in what can be inflated of a cut file.
fn complete_before_break(cut: &[u8], records: &[&str]) -> usize {
    let mut text = Vec::new();
    // It ends in an error: that is the point of it.
    let _broken = flate2::read::GzDecoder::new(cut).read_to_end(&mut text);
    let mut end = br#"{"Records":["#.len();
    records
        .iter()
        .take_while(|record| {
            end += record.len() + 1;
            end - 1 <= text.len()
        })
        .count()
}

/// The name of the largest log file below a folder, and its records.
fn largest(root: &Path) -> Result<(String, Vec<Box<RawValue>>)> {
    #[derive(serde::Deserialize)]
    struct LogFile {
        #[serde(rename = "Records")]
        records: Vec<Box<RawValue>>,
    }
    let (_, path) = generate::files_below(root)?
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("_CloudTrail_"))
        .map(|path| fs::metadata(&path).map(|m| (m.len(), path)))
        .collect::<std::io::Result<Vec<_>>>()?
        .into_iter()
        .max()
        .context("there is no log file")?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(&path)?).read_to_string(&mut text)?;
    let file: LogFile = serde_json::from_str(&text)?;
    Ok((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), file.records))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let files = generate::files_below(root).unwrap();
        files.into_iter().map(|path| (path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap())).collect()
    }

    #[test]
    fn what_is_checked_in_is_what_the_generator_makes() {
        let made = tempfile::tempdir().unwrap();
        write(made.path()).unwrap();
        let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
        let (made, checked_in) = (contents(made.path()), contents(&checked_in));
        let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        assert_eq!(names(&made), names(&checked_in), "run `just fixture`");
        for ((path, made), (_, checked_in)) in made.iter().zip(&checked_in) {
            assert!(made == checked_in, "{} differs: run `just fixture`", path.display());
        }
        let size: usize = checked_in.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(size < 1_400_000, "the fixtures are to stay below 1.4 MB, not {size} bytes");
    }
}
