//! Calls on what records and watches: trails, recorders, detectors, log groups.

use super::{Call, Summary, days, short_name, words};

pub(super) fn tell(service: &str, call: &Call<'_>) -> Option<Summary> {
    let r = call.request;
    let of = |keys: &[&str]| r.any(keys).map_or_else(|| "?".to_owned(), |t| short_name(&t).to_owned());
    let trail = || format!("trail {}", of(&["name", "trailName"]));
    Some(match (service, call.action) {
        ("cloudtrail", "StopLogging") => words("stopped", "stop", trail()),
        ("cloudtrail", "StartLogging") => words("started", "start", trail()),
        ("cloudtrail", "DeleteTrail") => words("deleted", "delete", trail()),
        ("cloudtrail", "CreateTrail") => {
            let bucket = r.text("s3BucketName").map(|b| format!(" to bucket {b}")).unwrap_or_default();
            words("created", "create", format!("{}{bucket}", trail()))
        }
        ("cloudtrail", "UpdateTrail") => {
            let told: Vec<String> =
                ["isMultiRegionTrail", "includeGlobalServiceEvents", "s3BucketName", "enableLogFileValidation", "kmsKeyId"]
                    .iter()
                    .filter_map(|key| r.text(key).map(|v| format!("{key}={v}")))
                    .collect();
            words("changed", "change", format!("{}{}{}", trail(), if told.is_empty() { "" } else { ": " }, told.join(", ")))
        }
        ("cloudtrail", "PutEventSelectors") => words("changed", "change", format!("which events {} records", trail())),
        ("cloudtrail", "DeleteEventDataStore") => words("deleted", "delete", format!("event data store {}", of(&["eventDataStore"]))),
        ("config", "StopConfigurationRecorder") => {
            words("stopped", "stop", format!("AWS Config recorder {}", of(&["configurationRecorderName"])))
        }
        ("config", "DeleteConfigurationRecorder") => {
            words("deleted", "delete", format!("AWS Config recorder {}", of(&["configurationRecorderName"])))
        }
        ("config", "DeleteDeliveryChannel") => {
            words("deleted", "delete", format!("AWS Config delivery channel {}", of(&["deliveryChannelName"])))
        }
        ("guardduty", "DeleteDetector") => words("deleted", "delete", format!("GuardDuty detector {}", of(&["detectorId"]))),
        ("guardduty", "UpdateDetector") if r.text("enable").as_deref() == Some("false") => {
            words("disabled", "disable", format!("GuardDuty detector {}", of(&["detectorId"])))
        }
        ("guardduty", "CreateIPSet") => words("added", "add", format!("GuardDuty IP set {} ({})", of(&["name"]), of(&["location"]))),
        ("securityhub", "DisableSecurityHub") => words("disabled", "disable", "Security Hub"),
        ("logs", "DeleteLogGroup") => words("deleted", "delete", format!("log group {}", of(&["logGroupName"]))),
        ("logs", "DeleteLogStream") => {
            words("deleted", "delete", format!("log stream {}/{}", of(&["logGroupName"]), of(&["logStreamName"])))
        }
        ("logs", "PutRetentionPolicy") => {
            words("set", "set", format!("retention of log group {} to {}", of(&["logGroupName"]), days(&of(&["retentionInDays"]))))
        }
        _ => return None,
    })
}
