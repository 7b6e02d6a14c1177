//! Makes evidence, ingests it, reads the tables back.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use arrow_cast::display::{ArrayFormatter, FormatOptions};
use backtrail_ingest::{IngestOptions, IngestSummary, Progress};
use backtrail_model::evidence::EvidenceRow;
use backtrail_model::tables::Table;
use backtrail_store::Store;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600_000_000;

struct Silent;

impl Progress for Silent {
    fn found(&self, _: u64, _: u64) {}
    fn read(&self, _: u64, _: u64) {}
    fn done(&self, _: &EvidenceRow) {}
}

/// A store and a folder of evidence in a temporary directory.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("evidence")).unwrap();
        Self { folder, runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("evidence").join(name)
    }

    /// Writes a piece of evidence.
    pub(crate) fn put(&self, name: &str, data: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, data).unwrap();
        path
    }

    /// Ingests the whole folder.
    pub(crate) fn run(&self) -> IngestSummary {
        self.run_with(&[self.path("")], "store", 2)
    }

    pub(crate) fn run_with(&self, inputs: &[PathBuf], store: &str, threads: usize) -> IngestSummary {
        let inputs: Vec<String> = inputs.iter().map(|p| p.to_string_lossy().into_owned()).collect();
        let options = IngestOptions { threads, memory_budget: 64 << 20, now: NOW, run_id: "test".to_owned(), flow_formats: Vec::new() };
        let store = self.store(store);
        let summary = backtrail_ingest::ingest(&store, &inputs, &options, &Silent, self.runtime.handle()).unwrap();
        for row in self.ledger_of(&store) {
            assert!(row.counts.is_balanced(), "{row:?}");
        }
        assert!(summary.counts.is_balanced());
        summary
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(crate) fn store(&self, name: &str) -> Store {
        self.runtime.block_on(Store::open_or_create(&self.folder.path().join(name))).unwrap()
    }

    fn ledger_of(&self, store: &Store) -> Vec<EvidenceRow> {
        self.runtime.block_on(store.evidence()).unwrap()
    }

    /// The ledger.
    pub(crate) fn ledger(&self) -> Vec<EvidenceRow> {
        self.ledger_of(&self.store("store"))
    }

    /// The ledger's row of a piece met at this place inside the evidence folder.
    pub(crate) fn row(&self, name: &str) -> EvidenceRow {
        let origin = self.path(name).to_string_lossy().into_owned();
        let ledger = self.ledger();
        let found = ledger.iter().find(|r| r.origins.contains(&origin));
        found.unwrap_or_else(|| panic!("{origin} is not among {:?}", ledger.iter().map(|r| &r.origins).collect::<Vec<_>>())).clone()
    }

    /// Fate and reason of a piece.
    pub(crate) fn fate(&self, name: &str) -> (&'static str, String) {
        let row = self.row(name);
        (row.fate.as_str(), row.reason.unwrap_or_default())
    }

    /// Every row of a table as text, sorted, without the columns that tell when.
    pub(crate) fn rows(&self, store: &str, table: Table) -> Vec<String> {
        let snapshot = self.runtime.block_on(self.store(store).snapshot()).unwrap();
        let files = &self.runtime.block_on(snapshot.table(table)).unwrap().files;
        let mut rows = Vec::new();
        for file in files.iter() {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&file.path).unwrap()).unwrap().build().unwrap();
            for batch in reader {
                let batch = batch.unwrap();
                let options = FormatOptions::default();
                let schema = batch.schema();
                let columns: Vec<(&str, ArrayFormatter<'_>)> = schema
                    .fields()
                    .iter()
                    .zip(batch.columns())
                    .filter(|(f, _)| !matches!(f.name().as_str(), "ingested_at" | "run_id"))
                    .map(|(f, c)| (f.name().as_str(), ArrayFormatter::try_new(c.as_ref(), &options).unwrap()))
                    .collect();
                for row in 0..batch.num_rows() {
                    let cells: Vec<String> = columns.iter().map(|(n, c)| format!("{n}={}", c.value(row))).collect();
                    rows.push(format!("{} {}", file.event_date.as_deref().unwrap_or("-"), cells.join(" ")));
                }
            }
        }
        rows.sort();
        rows
    }

    pub(crate) fn events(&self) -> usize {
        self.rows("store", Table::Cloudtrail).len()
    }
}

/// One event; its id and second follow from `n`.
pub(crate) fn event(n: u32) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/u{}","accountId":"111122223333"}},"eventTime":"2024-03-{:02}T{:02}:{:02}:{:02}Z","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli","requestParameters":null,"responseElements":null,"requestID":"r{n}","eventID":"{n:08x}-0000-4000-8000-00000000abcd","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}}"#,
        n % 5,
        1 + n / 86_400 % 28,
        n / 3600 % 24,
        n / 60 % 60,
        n % 60
    )
}

/// A trail's file of these events.
pub(crate) fn trail(events: impl IntoIterator<Item = u32>) -> String {
    let events: Vec<String> = events.into_iter().map(event).collect();
    format!("{{\"Records\":[{}]}}", events.join(","))
}

pub(crate) fn gzip(data: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// A ustar archive.
pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, data) in members {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend(header);
        out.extend(*data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A folder of the shared evidence, where it is there.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("BACKTRAIL_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = root.join(folder);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}
