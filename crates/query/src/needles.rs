//! Exact values that a filter asks for, sought in the files' Bloom filters before the engine opens any.
//!
//! The engine asks the filters of one column at a time, and after it has opened a file and planned its predicates anew for it: over hundreds of files
//! that is most of what a rare key costs. And it cannot ask where one of two columns may have the value (a key, or a session), as lineage does.

use std::fs::File;

use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

/// Values sought at most: of more, some are in every file.
const MOST: usize = 256;

/// One of these columns has one of these values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Alternatives(Vec<(String, Vec<String>)>);

/// What every row fulfils that fulfils the filters, as far as it is about exact texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needles(Vec<Alternatives>);

impl Needles {
    /// Of filters that must all hold, as far as they are about columns that have Bloom filters.
    pub(crate) fn of(filters: &[Expr], has_filter: fn(&str) -> bool) -> Self {
        let mut all = Vec::new();
        for filter in filters {
            collect(filter, &mut all);
        }
        all.retain(|one: &Alternatives| one.values() <= MOST && one.0.iter().all(|(column, _)| has_filter(column)));
        Self(all)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a file may hold such a row. What cannot be read may: the scan will say what is wrong with it.
    pub(crate) fn may_be_in(&self, footer: &ParquetMetaData, file: &File) -> bool {
        footer.row_groups().iter().any(|group| self.may_be_in_group(group, file))
    }

    /// The same of a row group of a file.
    pub(crate) fn may_be_in_group(&self, group: &RowGroupMetaData, file: &File) -> bool {
        self.0.iter().all(|one| one.may_be_in(group, file))
    }
}

impl Alternatives {
    fn values(&self) -> usize {
        self.0.iter().map(|(_, values)| values.len()).sum()
    }

    fn may_be_in(&self, group: &RowGroupMetaData, file: &File) -> bool {
        self.0.iter().any(|(column, values)| {
            let chunk = group.columns().iter().find(|chunk| chunk.column_path().parts() == [column.as_str()]);
            match chunk.map(|chunk| Sbbf::read_from_column_chunk(chunk, file)) {
                Some(Ok(Some(filter))) => values.iter().any(|value| filter.check(value.as_str())),
                _ => true,
            }
        })
    }
}

/// Adds what a filter says of exact texts, part by part.
fn collect(filter: &Expr, all: &mut Vec<Alternatives>) {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            collect(left, all);
            collect(right, all);
        }
        other => all.extend(alternatives(other)),
    }
}

/// What a condition asks for, if it is nothing but exact texts; of conditions that must both hold, either tells.
fn alternatives(expr: &Expr) -> Option<Alternatives> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (mut left, right) = (alternatives(left)?, alternatives(right)?);
            left.0.extend(right.0);
            Some(left)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => alternatives(left).or_else(|| alternatives(right)),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (column, value) = column(left).zip(text(right)).or_else(|| column(right).zip(text(left)))?;
            Some(Alternatives(vec![(column.to_owned(), vec![value.to_owned()])]))
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let values = list.iter().map(|value| text(value).map(str::to_owned)).collect::<Option<Vec<_>>>()?;
            Some(Alternatives(vec![(column(expr)?.to_owned(), values)]))
        }
        _ => None,
    }
}

fn column(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};

    fn told(filters: &[Expr]) -> Vec<Vec<(String, Vec<String>)>> {
        Needles::of(filters, |_| true).0.into_iter().map(|one| one.0).collect()
    }

    fn pair(column: &str, values: &[&str]) -> (String, Vec<String>) {
        (column.to_owned(), values.iter().map(|v| (*v).to_owned()).collect())
    }

    #[test]
    fn exact_texts_of_all_conditions_and_of_alternatives() {
        let key = col("key").eq(lit("a"));
        let listed = col("session").in_list(vec![lit("b"), lit("c")], false);
        assert_eq!(told(&[key.clone(), listed.clone()]), [[pair("key", &["a"])], [pair("session", &["b", "c"])]]);
        assert_eq!(told(&[key.clone().and(listed.clone())]), [[pair("key", &["a"])], [pair("session", &["b", "c"])]]);
        let either = key.clone().or(col("session").gt(lit("b")).and(listed));
        assert_eq!(told(&[either]), [[pair("key", &["a"]), pair("session", &["b", "c"])]]);
        assert_eq!(told(&[lit("a").eq(col("key"))]), [[pair("key", &["a"])]]);
    }

    #[test]
    fn what_may_be_true_of_other_rows_tells_nothing() {
        let key = || col("key").eq(lit("a"));
        let others = [
            key().or(col("other").gt(lit("b"))),
            key().or(col("other").is_null()),
            col("key").not_eq(lit("a")),
            col("key").in_list(vec![lit("a")], true),
            col("key").in_list(vec![lit("a"), col("other")], false),
            col("key").eq(col("other")),
            col("number").eq(lit(1)),
            Expr::Not(Box::new(key())),
        ];
        for filter in others {
            assert!(Needles::of(std::slice::from_ref(&filter), |_| true).is_empty(), "{filter}");
        }
        let many = col("key").in_list((0..=MOST).map(|n| lit(n.to_string())).collect(), false);
        assert!(Needles::of(&[many], |_| true).is_empty());
        assert!(Needles::of(&[key()], |column| column != "key").is_empty());
    }
}
