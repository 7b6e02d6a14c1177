//! Filters reach the files: what a question does not need is not read. Said by the engine's own counters, never by the text of a plan.

use std::collections::BTreeSet;

use backtrail_query::{QueryError, Session};
use backtrail_store::Store;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use tokio::sync::OnceCell;

use crate::kit::{Made, session, take_in};

/// 2025-03-01T00:00:00Z.
const FIRST: i64 = 1_740_787_200_000_000;
const DAY: i64 = 86_400;
/// An event a second: one row group of 65,536 rows, and the rest.
const MANY: u32 = 80_000;
const FEW: u32 = 1_000;
/// An event of the second row group, with an ARN, a key and a parameter of its own.
const NEEDLE: u32 = 70_000;
const NEEDLE_ARN: &str = "arn:aws:iam::111111111111:user/m-needle";
const NEEDLE_KEY: &str = "AKIAMNEEDLE000000000";

/// Ids that do not follow the order of time, so that every file's lie between the same bounds.
fn id(n: u32) -> String {
    format!("{:08x}-{:04x}-4000-8000-000000000000", n.wrapping_mul(2_654_435_761), n % 65_536)
}

fn event(n: u32, date: &'static str, second: i64, account: &'static str) -> Made {
    // Around the needle's, so that no bounds tell that it is not there.
    let side = if n.is_multiple_of(2) { "a" } else { "z" };
    let is_needle = n == NEEDLE;
    let of = |needle: &str, other: String| if is_needle { needle.to_owned() } else { other };
    Made {
        date,
        time: FIRST + second * 1_000_000,
        id: id(n),
        account,
        arn: of(NEEDLE_ARN, format!("arn:aws:iam::111111111111:user/{side}-{}", n % 50)),
        key: of(NEEDLE_KEY, format!("AKIA{}{:015}", side.to_uppercase(), n % 50)),
        parameters: format!(r#"{{"instance":"{}"}}"#, of("needle", format!("i-{}", n % 9))),
        raw: format!(
            r#"{{"eventID":"{}","padding":"{:x}"}}"#,
            id(n),
            u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        ),
    }
}

/// A long day in one file of two row groups, a day of two runs, and a short day: four files, five row groups.
async fn store() -> &'static Store {
    static STORE: OnceCell<(tempfile::TempDir, Store)> = OnceCell::const_new();
    let made = STORE.get_or_init(|| async {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open_or_create(&folder.path().join("store")).await.expect("a store");
        let account = |n| if n < 65_536 { "111111111111" } else { "222222222222" };
        let long: Vec<Made> = (0..MANY).map(|n| event(n, "2025-03-01", i64::from(n), account(n))).collect();
        let few = |run: u32, date, from: i64| -> Vec<Made> {
            (0..FEW).map(|n| event(MANY * run + n, date, from + i64::from(n), "333333333333")).collect()
        };
        take_in(&store, 1, &long).await;
        take_in(&store, 2, &few(2, "2025-03-02", DAY)).await;
        take_in(&store, 3, &few(3, "2025-03-02", DAY + DAY / 2)).await;
        take_in(&store, 4, &few(4, "2025-03-03", 2 * DAY)).await;
        (folder, store)
    });
    &made.await.1
}

/// Who asks: somebody who types, or the code above this crate.
#[derive(Debug, Clone, Copy)]
enum By {
    User,
    Code,
}

const BOTH: [By; 2] = [By::User, By::Code];

async fn text(session: &Session, by: By, sql: &str) -> String {
    let rows: Vec<RecordBatch> = match by {
        By::User => session.sql(sql, &[]).await.expect(sql).try_collect().await.map_err(QueryError::engine).expect(sql),
        By::Code => session.context().expect("a context").sql(sql).await.expect(sql).collect().await.expect(sql),
    };
    let cells = rows.iter().flat_map(|batch| {
        let column = batch.columns().last().expect("a column").as_ref();
        (0..batch.num_rows()).map(|row| array_value_to_string(column, row).expect("a text")).collect::<Vec<_>>()
    });
    cells.collect::<Vec<_>>().join("\n")
}

/// What a query did.
struct Ran {
    plan: String,
}

impl Ran {
    async fn of(session: &Session, by: By, sql: &str) -> Self {
        Self { plan: text(session, by, &format!("EXPLAIN ANALYZE {sql}")).await }
    }

    /// The values of a counter, one for each scan: the words after its name.
    fn counters<'a>(&'a self, name: &str) -> Vec<&'a str> {
        let needle = format!("{name}=");
        let found = self.plan.match_indices(&needle).map(|(at, _)| {
            let value = &self.plan[at + needle.len()..];
            value.split([',', ']']).next().expect("a value")
        });
        found.collect()
    }

    /// Of how many row groups, pages or ranges were how many needed, all scans together.
    fn needed(&self, name: &str) -> (u64, u64) {
        let values = self.counters(name);
        assert!(!values.is_empty(), "no {name} in {}", self.plan);
        values.iter().fold((0, 0), |(all, needed), value| {
            let mut numbers = value.split(" → ").map(|part| number(part.split(" -> ").next().expect("a part")));
            (all + numbers.next().expect("a total"), needed + numbers.next().expect("how many matched"))
        })
    }

    fn sum(&self, name: &str) -> u64 {
        let values = self.counters(name);
        assert!(!values.is_empty(), "no {name} in {}", self.plan);
        values.into_iter().map(number).sum()
    }
}

/// `1.50 K`, `3 total`, `2.1 MB`: the engine writes counters for people.
fn number(text: &str) -> u64 {
    let mut words = text.split_whitespace();
    let figure: f64 = words.next().and_then(|w| w.parse().ok()).unwrap_or_else(|| panic!("{text} is no number"));
    let unit = match words.next().unwrap_or_default() {
        "K" => 1e3,
        "M" => 1e6,
        "KB" => 1024.0,
        "MB" => 1024.0 * 1024.0,
        _ => 1.0,
    };
    (figure * unit) as u64
}

/// The data files a plan opens.
async fn files(session: &Session, by: By, sql: &str) -> usize {
    let plan = text(session, by, &format!("EXPLAIN {sql}")).await;
    let names: BTreeSet<&str> = plan.split([' ', '[', ']', ',', ':', '/', '}']).filter(|w| w.ends_with(".parquet")).collect();
    names.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_drops_files_by_date_and_by_time() {
    let session = session(store().await).await;
    for by in BOTH {
        for (filter, expected) in [
            ("true", 4),
            ("event_date = '2025-03-02'", 2),
            ("event_date >= '2025-03-02'", 3),
            ("event_time >= '2025-03-02T00:00:00Z' AND event_time < '2025-03-03T00:00:00Z'", 2),
            // Both files are of the date; the times tell them apart.
            ("event_time >= '2025-03-02T12:00:00Z' AND event_time < '2025-03-03T00:00:00Z'", 1),
            ("event_time BETWEEN '2025-03-02T06:00:00Z' AND '2025-03-02T07:00:00Z'", 0),
            ("event_time < '2025-03-01T01:00:00Z' OR event_time > '2025-03-03T00:01:00Z'", 2),
            ("event_time > '2026-01-01T00:00:00Z'", 0),
        ] {
            for table in ["cloudtrail", "timeline"] {
                if table == "timeline" && filter.contains("event_date") {
                    continue;
                }
                let sql =
                    format!("SELECT event_time, {} FROM {table} WHERE {filter}", if table == "timeline" { "ref" } else { "event_id" });
                assert_eq!(files(&session, by, &sql).await, expected, "{by:?}: {sql}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_drops_row_groups_and_pages_of_the_files_it_needs() {
    let session = session(store().await).await;
    for by in BOTH {
        let window = "event_time >= '2025-03-01T02:00:00Z' AND event_time < '2025-03-01T02:10:00Z'";
        let ran = Ran::of(&session, by, &format!("SELECT event_name FROM cloudtrail WHERE {window}")).await;
        assert_eq!(ran.needed("row_groups_pruned_statistics"), (2, 1), "{by:?}: {}", ran.plan);
        let (pages, needed) = ran.needed("page_index_pages_pruned");
        assert_eq!((pages, needed), (8, 1), "{by:?}: {}", ran.plan);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_sought_by_statistics() {
    let session = session(store().await).await;
    for by in BOTH {
        let ran = Ran::of(&session, by, "SELECT event_name FROM cloudtrail WHERE recipient_account_id = '222222222222'").await;
        assert_eq!(ran.needed("row_groups_pruned_statistics"), (5, 1), "{by:?}: {}", ran.plan);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_a_key_and_an_event_id_are_sought_by_bloom_filters() {
    let session = session(store().await).await;
    for by in BOTH {
        for filter in [format!("user_identity_arn = '{NEEDLE_ARN}'"), format!("user_identity_access_key_id = '{NEEDLE_KEY}'")] {
            let sql = format!("SELECT event_name FROM cloudtrail WHERE {filter}");
            assert_eq!(files(&session, by, &sql).await, 1, "{by:?} {filter}");
            let ran = Ran::of(&session, by, &sql).await;
            assert_eq!(
                ran.needed("row_groups_pruned_statistics"),
                (2, 2),
                "the test is about what bounds do not tell; {by:?}: {}",
                ran.plan
            );
            assert_eq!(ran.needed("row_groups_pruned_bloom_filter"), (2, 1), "{by:?} {filter}: {}", ran.plan);
            assert_eq!(ran.sum("pushdown_rows_matched"), 1, "{by:?} {filter}: {}", ran.plan);
        }
        // Either of two columns, which the engine cannot ask; and a condition that any file may fulfil.
        let either = format!("user_identity_arn = '{NEEDLE_ARN}' OR user_identity_access_key_id IN ('{NEEDLE_KEY}', 'x')");
        assert_eq!(files(&session, by, &format!("SELECT event_name FROM cloudtrail WHERE {either}")).await, 1, "{by:?}");
        let call = format!("user_identity_arn = '{NEEDLE_ARN}' OR event_name IN ('NeverCalled', 'NorThis')");
        assert_eq!(files(&session, by, &format!("SELECT event_name FROM cloudtrail WHERE {call}")).await, 1, "{by:?}");
        let any = format!("user_identity_arn = '{NEEDLE_ARN}' OR event_source = 'x'");
        assert_eq!(files(&session, by, &format!("SELECT event_name FROM cloudtrail WHERE {any}")).await, 4, "{by:?}");
        // Ids fill their filters, which then err about one time in twenty.
        let mut opened = 0;
        for n in NEEDLE..NEEDLE + 10 {
            let ran = Ran::of(&session, by, &format!("SELECT event_name FROM cloudtrail WHERE event_id IN ('{}', 'x')", id(n))).await;
            let (_, needed) = ran.needed("row_groups_pruned_bloom_filter");
            assert!(needed >= 1, "{by:?}: {}", ran.plan);
            assert_eq!(ran.sum("pushdown_rows_matched"), 1, "{by:?}: {}", ran.plan);
            opened += needed;
        }
        assert!(opened < 15, "{by:?}: {opened} row groups were opened for ten ids");
        // What is nowhere costs no column at all.
        let nowhere = "SELECT raw FROM cloudtrail WHERE event_id = 'ffffffff-0000-4000-8000-000000000000'";
        assert_eq!(files(&session, by, nowhere).await, 0, "{by:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_known_instants_are_found_by_their_place() {
    let session = session(store().await).await;
    // Of each row group of the long day one, of the short day one, and of a second in which nothing was.
    let seconds = [10, i64::from(NEEDLE), 2 * DAY + 7, 2 * DAY + i64::from(FEW)];
    let at = |seconds: &[i64]| backtrail_query::at_instants(seconds.iter().map(|second| FIRST + second * 1_000_000));
    let table = session.context().expect("a context").table("cloudtrail").await.expect("the table");
    let found = table.clone().filter(at(&seconds)).and_then(|f| f.select_columns(&["event_id"])).expect("a plan");
    let rows: Vec<RecordBatch> = found.clone().collect().await.expect("rows");
    let ids: BTreeSet<String> = rows
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(|row| array_value_to_string(batch.column(0), row).expect("a text")).collect::<Vec<_>>())
        .collect();
    assert_eq!(ids, BTreeSet::from([id(10), id(NEEDLE), id(MANY * 4 + 7)]));
    let explained = found.explain(false, true).expect("a plan").collect().await.expect("a plan");
    let plan = array_value_to_string(explained.last().expect("a row").column(1), 0).expect("a text");
    let ran = Ran { plan };
    assert_eq!((ran.sum("pushdown_rows_matched"), ran.sum("pushdown_rows_pruned")), (3, 0), "no other row was looked at: {}", ran.plan);
    let nothing = table.filter(at(&[DAY + 5 * i64::from(FEW)])).expect("a plan").collect().await.expect("rows");
    assert_eq!(nothing.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_inside_redacted_json_is_sought_before_anything_is_redacted() {
    let session = session(store().await).await;
    let ran = Ran::of(&session, By::User, "SELECT event_id FROM cloudtrail WHERE request_parameters ->> 'instance' = 'needle'").await;
    assert_eq!(ran.sum("pushdown_rows_matched"), 1, "{}", ran.plan);
    // The engine rounds what it says.
    assert!(ran.sum("pushdown_rows_pruned") > u64::from(MANY), "{}", ran.plan);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_columns_asked_for_are_read() {
    let session = session(store().await).await;
    for by in BOTH {
        let [narrow, wide] = [
            Ran::of(&session, by, "SELECT event_name, recipient_account_id FROM cloudtrail").await,
            Ran::of(&session, by, "SELECT event_name, raw FROM cloudtrail").await,
        ];
        let [narrow, wide] = [narrow.sum("bytes_scanned"), wide.sum("bytes_scanned")];
        // The padding cannot be compressed below 16 bytes a record; the two columns repeat and take next to nothing.
        let least = u64::from(MANY) * 16;
        assert!(narrow * 10 < least && wide > least, "{by:?}: {narrow} and {wide} bytes");
        assert_eq!(files(&session, by, "SELECT count(*) FROM cloudtrail").await, 0, "counts are known without reading");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_events_are_found_without_sorting() {
    let session = session(store().await).await;
    for by in BOTH {
        let sql = "SELECT event_time, event_id FROM cloudtrail ORDER BY event_time LIMIT 10";
        let plan = text(&session, by, &format!("EXPLAIN {sql}")).await;
        assert!(!plan.contains("SortExec"), "{by:?}: {plan}");
        let ran = Ran::of(&session, by, sql).await;
        let all = Ran::of(&session, by, "SELECT event_time, event_id FROM cloudtrail").await;
        assert!(ran.sum("bytes_scanned") < all.sum("bytes_scanned"), "{by:?}: {}", ran.plan);
    }
}
