//! Which rows go into which file: two flow logs, a file of each for every five minutes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::line::{Layout, Row, Said};
use super::traffic;
use super::world::{DROP, INTERFACE_LOG_FROM, INTERFACE_LOG_UNTIL, JUMP, LOST, SEED, UNTIL, VPC_LOG_FROM, WEB, World, hms};
use crate::generate::clock::{self, SLOT};
use crate::generate::random::{Random, hash_of, mix};
use crate::generate::write::write_gzip;

/// Of these five minutes one line stands in the VPC's file twice, ...
const REPEATED: i64 = hms(10, 0, 0);
/// ... and of these one says nothing at all.
const BLANK: i64 = hms(9, 40, 0);

/// A flow log: what it looks at, how it writes, and all it wrote.
#[derive(Debug)]
pub(super) struct Log<'w> {
    pub(super) id: &'w str,
    pub(super) layout: Layout,
    /// In the order of the files and of the lines in them.
    pub(super) rows: Vec<Row>,
}

/// The VPC's flow log and the interface's.
pub(super) fn logs(world: &World) -> [Log<'_>; 2] {
    let all = traffic::rows(world);
    let is_lost = |row: &Row| {
        let bulk = row.flow().is_some_and(|flow| flow.source.address == DROP || flow.target.address == DROP);
        bulk && row.start / 60 * 60 == LOST
    };
    let mut of_vpc: Vec<Row> = all.iter().filter(|row| !is_lost(row)).cloned().collect();
    of_vpc.push(Row { face: Some(JUMP), start: LOST, end: LOST + 59, said: Said::Lost });
    let faces: Vec<usize> = (0..world.faces.len()).collect();
    fill(world, &mut of_vpc, &faces, (VPC_LOG_FROM, UNTIL));
    of_vpc.push(Row { face: None, start: BLANK, end: BLANK, said: Said::Blank });
    let is_repeated = |row: &&Row| row.face == Some(WEB) && row.flow().is_some() && row.end >= REPEATED;
    of_vpc.extend(of_vpc.iter().find(is_repeated).cloned());

    let life = INTERFACE_LOG_FROM..INTERFACE_LOG_UNTIL;
    let mut of_interface: Vec<Row> = all.into_iter().filter(|row| row.face == Some(JUMP) && life.contains(&row.start)).collect();
    fill(world, &mut of_interface, &[JUMP], (life.start, life.end));
    for rows in [&mut of_vpc, &mut of_interface] {
        rows.sort_by_key(|row| (row.end / SLOT, row.end, row.face, row.start));
    }
    [
        Log { id: &world.vpc_log, layout: Layout::all(), rows: of_vpc },
        Log { id: &world.interface_log, layout: Layout::default_format(), rows: of_interface },
    ]
}

/// A row for each minute in which an interface had no traffic.
fn fill(world: &World, rows: &mut Vec<Row>, faces: &[usize], (from, until): (i64, i64)) {
    let busy: BTreeSet<(Option<usize>, i64)> = rows.iter().map(|row| (row.face, row.start / 60)).collect();
    for face in faces {
        let life = &world.faces[*face];
        let quiet = (from.max(life.from)..until.min(life.until)).step_by(60).filter(|minute| !busy.contains(&(Some(*face), minute / 60)));
        rows.extend(quiet.map(|start| Row { face: Some(*face), start, end: start + 59, said: Said::Nothing }));
    }
}

impl Log<'_> {
    /// The rows of a file.
    pub(super) fn slot(&self, slot: i64) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.end / SLOT * SLOT == slot)
    }

    /// A file's text.
    pub(super) fn text(&self, world: &World, slot: i64) -> String {
        let lines = self.slot(slot).map(|row| self.layout.line(world, row));
        let lines: Vec<String> = std::iter::once(self.layout.header()).chain(lines).collect();
        lines.join("\n") + "\n"
    }

    /// Writes all files below a folder; returns how many.
    pub(super) fn write(&self, root: &Path, world: &World) -> Result<usize> {
        let slots: BTreeSet<i64> = self.rows.iter().map(|row| row.end / SLOT * SLOT).collect();
        for slot in &slots {
            write_gzip(&root.join(path(world, self.id, *slot)), self.text(world, *slot).as_bytes())?;
        }
        Ok(slots.len())
    }
}

/// `AWSLogs/<account>/vpcflowlogs/<region>/2025/11/19/<account>_vpcflowlogs_<region>_<flow log>_20251119T1010Z_<8>.log.gz`.
pub(super) fn path(world: &World, log: &str, slot: i64) -> PathBuf {
    let unique = Random::seeded(&[mix(&[SEED, hash_of(log), slot as u64])]).text(|r, o| r.push_hex(o, 8));
    key(&world.account().id, world.region, log, world.day + slot, &unique)
}

/// The same, of any account and region.
pub(super) fn key(account: &str, region: &str, log: &str, time: i64, unique: &str) -> PathBuf {
    let (date, time) = (clock::path_date(time), clock::compact(time));
    PathBuf::from(format!("AWSLogs/{account}/vpcflowlogs/{region}/{date}/{account}_vpcflowlogs_{region}_{log}_{time}_{unique}.log.gz"))
}
