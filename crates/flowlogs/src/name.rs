//! What the name of a file says (VPC user guide, "Flow log files"): `<account>_vpcflowlogs_<region>_<flow-log-id>_<YYYYMMDDTHHmmZ>_<hash>.log.gz`.

/// Whose flow log a file is of, as its name has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// `fl-...`.
    pub flow_log_id: Option<String>,
    /// The account.
    pub account_id: Option<String>,
    /// The region.
    pub region: Option<String>,
}

impl Named {
    /// Reads it off a path, or `archive!member`. Nothing where the name is another one.
    #[must_use]
    pub fn of(origin: &str) -> Self {
        let name = origin.rsplit(['/', '\\', '!']).next().unwrap_or(origin);
        let parts: Vec<&str> = name.split('_').collect();
        match parts.as_slice() {
            [account, "vpcflowlogs", region, id, ..] if is_account(account) && is_id(id) && is_region(region) => {
                Self { flow_log_id: Some((*id).to_owned()), account_id: Some((*account).to_owned()), region: Some((*region).to_owned()) }
            }
            _ => Self::default(),
        }
    }
}

fn is_account(part: &str) -> bool {
    part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit())
}

fn is_id(part: &str) -> bool {
    part.strip_prefix("fl-").is_some_and(|hex| !hex.is_empty() && hex.len() <= 32 && hex.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_region(part: &str) -> bool {
    part.len() <= 32 && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_aws_gives_says_whose_flow_log_it_is() {
        let text = |s: &str| Some(s.to_owned());
        let named = Named { flow_log_id: text("fl-0a1b"), account_id: text("111122223333"), region: text("us-east-1") };
        let file = "111122223333_vpcflowlogs_us-east-1_fl-0a1b_20250301T0005Z_abc.log.gz";
        for origin in
            [file.to_owned(), format!("/x/AWSLogs/111122223333/vpcflowlogs/us-east-1/2025/03/01/{file}"), format!("/x.zip!a/{file}")]
        {
            assert_eq!(Named::of(&origin), named, "{origin}");
        }
        for other in ["copy.log.gz", "x_vpcflowlogs_us-east-1_fl-0a1b_t_h.log", "111122223333_vpcflowlogs_us-east-1_x_t"] {
            assert_eq!(Named::of(other), Named::default(), "{other}");
        }
    }
}
