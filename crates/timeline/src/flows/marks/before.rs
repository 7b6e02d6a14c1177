//! What some interfaces sent to external peers before a window: of the rows of a day those of a few interfaces are read, and no others.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use backtrail_model::window::Window;
use backtrail_query::RowGroup;
use datafusion::common::DataFusionError;

use super::super::address::is_internal;
use super::super::choice::Tallies;
use super::super::records::{INTERFACES, Records};
use super::super::{FLOWS, NO_INTERFACE};
use crate::error::TimelineError;
use crate::event::Text;
use crate::source::Source;

/// Interfaces by name, each with its own addresses as far as they are known.
type Wanted = BTreeMap<String, Vec<String>>;

/// Counts the records of some interfaces in a window, and the bytes that they sent to external peers.
pub(super) async fn sent(source: &Source, window: &Window, wanted: Wanted) -> Result<Tallies, TimelineError> {
    let wanted = Arc::new(wanted);
    let read = move |tallies: &mut Tallies, group: &RowGroup| {
        let Some(batch) = read(group, &wanted).map_err(TimelineError::table(FLOWS))? else { return Ok(()) };
        let records = Records::of(&batch)?;
        tallies.begin();
        for row in 0..records.rows {
            let is_sent = wanted.get(records.interface(row)).is_some_and(|own| is_sent(&records, row, own));
            tallies.take_sent(&records, row, if is_sent { records.long(1, row) } else { 0 });
        }
        Ok(())
    };
    let states = source.groups_apart(FLOWS, Some(window), Tallies::default, read).await?;
    let joined = states.into_iter().reduce(|mut all: Tallies, other| {
        all.join(other);
        all
    });
    Ok(joined.unwrap_or_default())
}

/// What tells whose records are and how much was sent, but for the ends as the interface has them.
const COLUMNS: &[&str] = &[
    "account_id",
    "interface_id",
    "resource_id",
    "tgw_attachment_id",
    "start",
    "log_status",
    "flow_log_id",
    "log_group",
    "format",
    "pkt_dstaddr",
    "bytes",
    "action",
    "flow_direction",
];
/// What tells the way and the peer of records that do not say them. Each has a dictionary of most addresses, which takes longer to read than all else.
const ENDS: &[&str] = &["srcaddr", "dstaddr"];

/// The records of the interfaces that are wanted.
fn read(group: &RowGroup, wanted: &Wanted) -> Result<Option<RecordBatch>, DataFusionError> {
    let Some(rows) = group.rows_where(INTERFACES, |telling| are_of(telling, wanted))? else { return Ok(None) };
    let batch = group.read_some(COLUMNS, &rows)?;
    let is_told = |batch: &RecordBatch| {
        let of = |column| Text::of(batch, FLOWS, column).unwrap_or(Text::Absent);
        let (status, direction, peer) = (of("log_status"), of("flow_direction"), of("pkt_dstaddr"));
        let is_told = |row: usize| match direction.get(row) {
            Some("egress") => peer.get(row).is_some(),
            Some(_) => true,
            None => matches!(status.get(row), Some("NODATA" | "SKIPDATA")),
        };
        (0..batch.num_rows()).all(is_told)
    };
    if batch.as_ref().is_none_or(is_told) {
        return Ok(batch);
    }
    group.read_some(&[COLUMNS, ENDS].concat(), &rows)
}

/// Whether a record is of what an interface sent to an external peer: it says so, or comes from the interface's own address.
fn is_sent(records: &Records<'_>, row: usize, own: &[String]) -> bool {
    let [from, to, _, packet_to] = records.addresses.each_ref().map(|address| address.get(row));
    let is_own = || from.is_some_and(|from| own.iter().any(|own| own == from));
    let is_out = records.direction.get(row).map_or_else(is_own, |direction| direction == "egress");
    let is_external = || packet_to.or(to).is_some_and(|to| to.parse().is_ok_and(|to| !is_internal(to)));
    is_out && records.action.get(row) != Some("REJECT") && is_external()
}

/// Which rows are of interfaces that are wanted. A name is looked up once for each dictionary that has it.
fn are_of(telling: &RecordBatch, wanted: &Wanted) -> BooleanArray {
    let is_wanted = |name: &str| wanted.contains_key(name);
    let columns: Vec<(Text<'_>, Vec<bool>)> = INTERFACES
        .iter()
        .map(|column| {
            let text = Text::of(telling, FLOWS, column).unwrap_or(Text::Absent);
            let known = match text {
                Text::Coded(coded) => coded.texts.iter().map(|name| name.is_some_and(is_wanted)).collect(),
                _ => Vec::new(),
            };
            (text, known)
        })
        .collect();
    let is_unnamed_wanted = is_wanted(NO_INTERFACE);
    let of_column = |(text, known): &(Text<'_>, Vec<bool>), row| match text {
        Text::Coded(coded) => coded.key(row).map(|key| known.get(key).copied().unwrap_or(false)),
        text => text.get(row).map(is_wanted),
    };
    let is_of = |row| columns.iter().find_map(|column| of_column(column, row)).unwrap_or(is_unnamed_wanted);
    BooleanArray::from((0..telling.num_rows()).map(is_of).collect::<Vec<bool>>())
}
