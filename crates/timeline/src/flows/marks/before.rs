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
    let Some(rows) = group.rows_where(INTERFACES, |telling| Ok(are_of(telling, wanted)))? else { return Ok(None) };
    let batch = group.read_some(COLUMNS, &rows)?;
    if batch.as_ref().is_none_or(say_their_way) {
        return Ok(batch);
    }
    group.read_some(&[COLUMNS, ENDS].concat(), &rows)
}

/// Whether records say themselves which way they went, and to whom.
fn say_their_way(batch: &RecordBatch) -> bool {
    let of = |column| Text::of(batch, FLOWS, column).unwrap_or(Text::Absent);
    let (status, direction, peer) = (of("log_status"), of("flow_direction"), of("pkt_dstaddr"));
    let is_told = |row: usize| match direction.get(row) {
        Some("egress") => peer.get(row).is_some(),
        Some(_) => true,
        None => matches!(status.get(row), Some("NODATA" | "SKIPDATA")),
    };
    (0..batch.num_rows()).all(is_told)
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

#[cfg(test)]
mod tests {
    use arrow_array::types::UInt32Type;
    use arrow_array::{ArrayRef, DictionaryArray, StringArray, StringViewArray};

    use super::*;

    type Column<'c> = (&'c str, &'c [Option<&'c str>]);

    /// Records of these columns, in each of the layouts that readers give.
    fn layouts(columns: &[Column<'_>]) -> Vec<RecordBatch> {
        let plain = |texts: &[Option<&str>]| Arc::new(StringArray::from_iter(texts.iter().copied())) as ArrayRef;
        let views = |texts: &[Option<&str>]| Arc::new(StringViewArray::from_iter(texts.iter().copied())) as ArrayRef;
        let coded = |texts: &[Option<&str>]| Arc::new(texts.iter().copied().collect::<DictionaryArray<UInt32Type>>()) as ArrayRef;
        let of = |layout: &dyn Fn(&[Option<&str>]) -> ArrayRef| {
            RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, texts)| (*name, layout(texts), true))).expect("a batch")
        };
        vec![of(&plain), of(&views), of(&coded)]
    }

    fn wanted(names: &[&str]) -> Wanted {
        names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect()
    }

    #[test]
    fn rows_are_of_the_first_that_names_the_interface() {
        let columns: [Column<'_>; 3] = [
            ("interface_id", &[Some("eni-1"), Some("eni-2"), None, None, None]),
            ("resource_id", &[Some("eni-2"), None, Some("eni-1"), Some("nat-1"), None]),
            ("tgw_attachment_id", &[None, Some("eni-1"), None, Some("eni-1"), None]),
        ];
        for batch in layouts(&columns) {
            let of = |names: &[&str]| are_of(&batch, &wanted(names)).iter().map(|is_of| is_of == Some(true)).collect::<Vec<_>>();
            assert_eq!(of(&["eni-1"]), [true, false, true, false, false]);
            assert_eq!(of(&["eni-2", "nat-1"]), [false, true, false, true, false]);
            assert_eq!(of(&[NO_INTERFACE]), [false, false, false, false, true], "what names none stands under a name of its own");
            assert_eq!(of(&[]), [false; 5]);
        }
        for batch in layouts(&columns[1..]) {
            let of = are_of(&batch, &wanted(&["eni-1"]));
            assert_eq!(
                of.iter().flatten().collect::<Vec<_>>(),
                [false, true, true, false, false],
                "a column that no record has a value in"
            );
        }
    }

    #[test]
    fn only_where_a_record_says_neither_way_nor_peer_its_ends_are_read() {
        let say = |status, direction, peer| {
            let columns: [Column<'_>; 3] = [
                ("log_status", &[Some("OK"), Some(status)]),
                ("flow_direction", &[Some("ingress"), direction]),
                ("pkt_dstaddr", &[None, peer]),
            ];
            layouts(&columns).iter().map(say_their_way).collect::<Vec<_>>()
        };
        assert_eq!(say("OK", Some("egress"), Some("198.51.100.7")), [true; 3]);
        assert_eq!(say("OK", Some("egress"), None), [false; 3]);
        assert_eq!(say("OK", None, Some("198.51.100.7")), [false; 3]);
        assert_eq!(say("NODATA", None, None), [true; 3], "nothing went any way");
        assert_eq!(say("SKIPDATA", None, None), [true; 3]);
    }

    #[test]
    fn what_was_sent_goes_out_to_an_external_peer_and_was_let_through() {
        // Source, destination, destination of the packet, direction, action.
        type Row<'r> = [Option<&'r str>; 5];
        let (own, inside, outside) = (Some("10.0.0.5"), Some("10.0.0.9"), Some("198.51.100.7"));
        let (egress, ingress, accept) = (Some("egress"), Some("ingress"), Some("ACCEPT"));
        let rows: [(Row<'_>, bool, &str); 11] = [
            ([None, None, outside, egress, accept], true, "it says so, and to whom"),
            ([None, None, inside, egress, accept], false, "to somebody inside"),
            ([outside, own, own, ingress, accept], false, "it came in"),
            ([None, None, outside, egress, Some("REJECT")], false, "it was refused"),
            ([None, None, outside, egress, None], true, "of no action is known that it was refused"),
            ([own, outside, None, None, accept], true, "it comes from the interface's own address"),
            ([inside, outside, None, None, accept], false, "from another address, it may be an answer"),
            ([outside, own, None, None, accept], false, "from outside"),
            ([own, inside, outside, None, accept], true, "the packet goes on through a gateway"),
            ([own, outside, inside, egress, accept], false, "the packet's own destination counts"),
            ([own, None, None, egress, accept], false, "to nobody that is known"),
        ];
        let column = |at: usize| rows.iter().map(|(row, ..)| row[at]).collect::<Vec<_>>();
        let columns = ["srcaddr", "dstaddr", "pkt_dstaddr", "flow_direction", "action"];
        let texts: Vec<Vec<Option<&str>>> = (0..columns.len()).map(column).collect();
        let columns: Vec<Column<'_>> = columns.into_iter().zip(texts.iter().map(Vec::as_slice)).collect();
        for batch in layouts(&columns) {
            let records = Records::of(&batch).expect("records");
            for (row, (_, is, why)) in rows.iter().enumerate() {
                assert_eq!(is_sent(&records, row, &["10.0.0.5".to_owned()]), *is, "{why}");
            }
        }
    }
}
