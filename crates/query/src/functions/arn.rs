//! The parts of an ARN, as functions. NULL where the text is not an ARN or has no such part.

use arrow_schema::DataType;
use backtrail_model::arn::Arn;

use super::Function;
use super::text::{Texts, texts, texts_by_row, udf};

type Part = for<'a> fn(&Arn<'a>) -> Option<&'a str>;

const PARTS: &[(&str, Part, &str)] = &[
    ("arn_account", |arn| some(arn.account()), "Account of an ARN; NULL where it has none, as S3 buckets."),
    ("arn_name", |arn| some(arn.name()), "Last segment of an ARN's resource: `alice` of `user/people/alice`."),
    ("arn_partition", |arn| some(arn.partition()), "Partition of an ARN: `aws`, `aws-cn`, `aws-us-gov`."),
    ("arn_region", |arn| some(arn.region()), "Region of an ARN; NULL where it has none, as IAM."),
    ("arn_resource", |arn| some(arn.resource()), "All that follows an ARN's account: `user/people/alice`."),
    ("arn_resource_type", |arn| arn.resource_type(), "Kind of resource an ARN names: `user`, `instance`; NULL where it says none."),
    ("arn_service", |arn| some(arn.service()), "Service of an ARN: `iam`, `ec2`."),
];

fn some(part: &str) -> Option<&str> {
    Some(part).filter(|p| !p.is_empty())
}

/// The functions of this module.
pub(crate) fn functions() -> Vec<Function> {
    let make = |(name, part, doc): &(&'static str, Part, &'static str)| {
        let part = *part;
        let body = move |args: &[datafusion::logical_expr::ColumnarValue]| {
            let arns = Texts::of(&args[0])?;
            texts_by_row(args, |row| part(&Arn::parse(arns.get(row)?)?))
        };
        Function { udf: udf(name, texts(1), DataType::Utf8View, body), arguments: &["arn"], returns: "text", doc }
    };
    PARTS.iter().map(make).collect()
}
