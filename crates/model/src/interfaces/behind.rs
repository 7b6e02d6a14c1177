//! What has an interface that a service made, as the service describes it (domain reference 4.6).

/// Texts that stand before the name of what has the interface.
const BEFORE: [&str; 8] = [
    "Interface for NAT Gateway ",
    "VPC Endpoint Interface ",
    "ELB ",
    "EFS mount target for ",
    "AWS Lambda VPC ENI-",
    "Network Interface for Transit Gateway Attachment ",
    "VPC Endpoint Service Network Load Balancer ",
    "DO NOT DELETE - ",
];

/// Letters and digits of a UUID, with its dashes.
const UUID: usize = 36;

/// The name in an interface's description: `nat-...`, `app/name/id`, a function, an ARN; `None` where it names nothing.
#[must_use]
pub fn behind(description: &str) -> Option<&str> {
    if description.starts_with("arn:") {
        return Some(description.split_whitespace().next().unwrap_or(description));
    }
    let (before, rest) = BEFORE.iter().find_map(|before| Some((*before, description.strip_prefix(before)?)))?;
    let name = rest.split_whitespace().next()?;
    // Lambda appends an id of its own to the function's name.
    if before.contains("Lambda") && name.len() > UUID + 1 && name.as_bytes()[name.len() - UUID - 1] == b'-' {
        return name.get(..name.len() - UUID - 1);
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_of_services() {
        for (description, name) in [
            ("Interface for NAT Gateway nat-0a1b", Some("nat-0a1b")),
            ("ELB app/web/50dc6c495c0c9188", Some("app/web/50dc6c495c0c9188")),
            ("AWS Lambda VPC ENI-orders-3b2f1c7e-1234-4abc-9def-001122334455", Some("orders")),
            ("VPC Endpoint Interface vpce-0f", Some("vpce-0f")),
            ("EFS mount target for fs-01 (fsmt-02)", Some("fs-01")),
            ("arn:aws:ecs:eu-west-1:111122223333:attachment/a1", Some("arn:aws:ecs:eu-west-1:111122223333:attachment/a1")),
            ("RDSNetworkInterface", None),
            ("Primary network interface", None),
            ("", None),
        ] {
            assert_eq!(behind(description), name, "{description}");
        }
    }
}
