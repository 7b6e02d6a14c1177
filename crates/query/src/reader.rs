//! How a scan reads the store's files: plain reads on the thread that needs the bytes.
//!
//! The engine's own reader goes through `object_store`, which hands each read to a pool of blocking threads and fetches a fixed stretch of
//! every file's end for its footer. On a local disk the read itself costs less than the hand-over, and each of those threads touches
//! memory of its own: together that was most of a short query's time. A file is opened once, a footer is read in its own
//! length, and footers are kept in the session's cache, since a query often opens a file for several threads.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::{CachedParquetMetaData, ParquetAccessPlan, ParquetFileMetrics};
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadataCache};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectMeta;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use crate::at_instants::Instants;
use crate::needles::Needles;

/// Makes readers of the files under a directory.
#[derive(Clone)]
pub(crate) struct LocalFiles {
    root: PathBuf,
    footers: Footers,
}

impl LocalFiles {
    pub(crate) fn new(root: &Path, footers: Arc<FileMetadataCache>) -> Self {
        Self { root: root.to_owned(), footers: Footers(footers) }
    }

    /// A file's footer.
    pub(crate) fn footer(&self, meta: &ObjectMeta) -> Parquet<Arc<ParquetMetaData>> {
        self.footer_with(meta, PageIndexPolicy::Skip)
    }

    /// The same with where the pages are.
    pub(crate) fn footer_with_pages(&self, meta: &ObjectMeta) -> Parquet<Arc<ParquetMetaData>> {
        self.footer_with(meta, PageIndexPolicy::Optional)
    }

    fn footer_with(&self, meta: &ObjectMeta, index: PageIndexPolicy) -> Parquet<Arc<ParquetMetaData>> {
        let path = self.root.join(meta.location.as_ref());
        if let Some(known) = self.footers.known(meta, index) {
            return Ok(known);
        }
        let opened = File::open(&path).map_err(|error| ParquetError::General(format!("cannot open {}: {error}", path.display())))?;
        self.footers.get(meta, index, || Ok(&opened))
    }

    /// The rows of a file that may be sought; `None` where none is. What cannot be read may be: reading it will say what is wrong with it.
    pub(crate) fn rows_sought(&self, meta: &ObjectMeta, needles: &Needles, instants: Option<&Instants>) -> Option<Rows> {
        let Ok(file) = File::open(self.root.join(meta.location.as_ref())) else { return Some(Rows::All) };
        // The scan will need the index of pages of a file it reads.
        let index = if instants.is_some() { PageIndexPolicy::Optional } else { PageIndexPolicy::Skip };
        let Ok(footer) = self.footers.get(meta, index, || Ok(&file)) else { return Some(Rows::All) };
        if !needles.may_be_in(&footer, &file) {
            return None;
        }
        match instants.map(|instants| instants.rows_of(&footer, &file)) {
            Some(Ok(rows)) => rows.map(Rows::These),
            Some(Err(_)) | None => Some(Rows::All),
        }
    }
}

/// Rows of a file.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    All,
    These(ParquetAccessPlan),
}

/// Footers read before.
#[derive(Clone)]
struct Footers(Arc<FileMetadataCache>);

impl Footers {
    /// A footer that has what is asked for; one that is known costs no opening of the file.
    fn get<'f>(
        &self,
        meta: &ObjectMeta,
        index: PageIndexPolicy,
        file: impl FnOnce() -> Parquet<&'f File>,
    ) -> Parquet<Arc<ParquetMetaData>> {
        if let Some(known) = self.known(meta, index) {
            return Ok(known);
        }
        let footer = Arc::new(ParquetMetaDataReader::new().with_page_index_policy(index).parse_and_finish(file()?)?);
        let entry = CachedFileMetadataEntry::new(meta.clone(), Arc::new(CachedParquetMetaData::new(Arc::clone(&footer))));
        self.0.put(&meta.location, entry);
        Ok(footer)
    }

    fn known(&self, meta: &ObjectMeta, index: PageIndexPolicy) -> Option<Arc<ParquetMetaData>> {
        let entry = self.0.get(&meta.location).filter(|entry| entry.is_valid_for(meta))?;
        let footer = entry.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>()?.parquet_metadata();
        let has_index = footer.column_index().is_some() && footer.offset_index().is_some();
        (has_index || index == PageIndexPolicy::Skip).then(|| Arc::clone(footer))
    }
}

impl fmt::Debug for LocalFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalFiles").field("root", &self.root).finish_non_exhaustive()
    }
}

impl ParquetFileReaderFactory for LocalFiles {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        _footer_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let meta = file.object_meta;
        Ok(Box::new(LocalFile {
            path: self.root.join(meta.location.as_ref()),
            metrics: ParquetFileMetrics::new(partition_index, meta.location.as_ref(), metrics),
            meta,
            file: None,
            footers: self.footers.clone(),
        }))
    }
}

/// One file, opened when first read.
struct LocalFile {
    path: PathBuf,
    meta: ObjectMeta,
    file: Option<File>,
    metrics: ParquetFileMetrics,
    footers: Footers,
}

type Parquet<T> = std::result::Result<T, ParquetError>;

impl LocalFile {
    fn file(&mut self) -> Parquet<&mut File> {
        if self.file.is_none() {
            let file = File::open(&self.path).map_err(|e| self.failed("open", &e))?;
            self.file = Some(file);
        }
        self.file.as_mut().ok_or_else(|| ParquetError::General("the file is not open".to_owned()))
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> ParquetError {
        ParquetError::General(format!("cannot {what} {}: {error}", self.path.display()))
    }

    fn read(&mut self, range: Range<u64>) -> Parquet<Bytes> {
        let length = range.end - range.start;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        let file = self.file()?;
        let done = file.seek(SeekFrom::Start(range.start)).and_then(|_| file.take(length).read_to_end(&mut bytes));
        let read = done.map_err(|e| self.failed("read", &e))? as u64;
        if read < length {
            return Err(ParquetError::EOF(format!("{} ends {} bytes early", self.path.display(), length - read)));
        }
        self.metrics.bytes_scanned.add(bytes.len());
        Ok(bytes.into())
    }

    fn metadata(&mut self, index: PageIndexPolicy) -> Parquet<Arc<ParquetMetaData>> {
        let (footers, meta) = (self.footers.clone(), self.meta.clone());
        footers.get(&meta, index, || self.file().map(|file| &*file))
    }
}

impl AsyncFileReader for LocalFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Parquet<Bytes>> {
        let bytes = self.read(range);
        async { bytes }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Parquet<Vec<Bytes>>> {
        let all = ranges.into_iter().map(|range| self.read(range)).collect();
        async { all }.boxed()
    }

    fn get_metadata<'a>(&'a mut self, options: Option<&'a ArrowReaderOptions>) -> BoxFuture<'a, Parquet<Arc<ParquetMetaData>>> {
        let index = options.map_or(PageIndexPolicy::Skip, ArrowReaderOptions::column_index_policy);
        let footer = self.metadata(index);
        async { footer }.boxed()
    }
}
