//! Tests of the decoder of state as somebody read it, over its public interface.

use std::convert::Infallible;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use backtrail_config::Decoder;
use backtrail_model::decoded::{Ending, Summary};
use backtrail_model::tables::Table;
use proptest::prelude::*;

const NOW: i64 = 1_763_900_000_000_000;

/// The rows of a table, and what was said of the piece.
struct Decoded {
    batches: Vec<(Table, RecordBatch)>,
    summary: Summary,
}

impl Decoded {
    fn of(text: &str, size: usize) -> Self {
        let (mut decoder, mut batches) = (Decoder::new(NOW), Vec::new());
        decoder.begin("e1".into());
        let mut sink = |table, batch| -> Result<(), Infallible> {
            batches.push((table, batch));
            Ok(())
        };
        for chunk in text.as_bytes().chunks(size) {
            decoder.push(chunk, &mut sink).expect("the sink takes all");
        }
        let summary = decoder.end(Ending::Complete, &mut sink).expect("the sink takes all");
        decoder.flush(&mut sink).expect("the sink takes all");
        Self { batches, summary }
    }

    fn texts(&self, table: Table, column: &str) -> Vec<String> {
        let of = |batch: &RecordBatch| {
            let array = batch.column_by_name(column).expect("the column").clone();
            let text = move |row: usize| match (array.as_string_opt::<i32>(), array.as_binary_view_opt()) {
                _ if array.is_null(row) => "-".to_owned(),
                (Some(texts), _) => texts.value(row).to_owned(),
                (_, Some(views)) => String::from_utf8_lossy(views.value(row)).into_owned(),
                _ => panic!("{column} is no text"),
            };
            (0..batch.num_rows()).map(text).collect::<Vec<_>>()
        };
        self.batches.iter().filter(|(t, _)| *t == table).flat_map(|(_, batch)| of(batch)).collect()
    }

    fn counts(&self) -> [i64; 5] {
        let c = self.summary.counts;
        [c.read, c.kept, c.duplicate, c.rejected, c.other]
    }
}

/// As `aws ec2 describe-network-interfaces` prints them.
const INTERFACES: &str = r#"{
  "NetworkInterfaces": [
    {"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "OwnerId": "111122223333", "InterfaceType": "interface",
     "Attachment": {"AttachTime": "2025-11-19T09:00:52+00:00", "InstanceId": "i-1", "AttachmentId": "eni-attach-1"},
     "Groups": [{"GroupId": "sg-1", "GroupName": "web"}], "PrivateIpAddresses": [
       {"PrivateIpAddress": "10.0.0.5", "Primary": true, "Association": {"PublicIp": "203.0.113.5", "AllocationId": "eipalloc-1"}},
       {"PrivateIpAddress": "10.0.0.6", "Primary": false}]},
    {"NetworkInterfaceId": "eni-2", "Description": "Interface for NAT Gateway nat-2", "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.9"}]},
    {"PrivateIpAddress": "10.0.0.7"}
  ],
  "SecurityGroups": [{"GroupId": "sg-1"}],
  "NextToken": "more"
}"#;

#[test]
fn interfaces_become_items_and_observations() {
    let decoded = Decoded::of(INTERFACES, 1000);
    assert_eq!(decoded.counts(), [3, 2, 0, 1, 0]);
    assert_eq!(decoded.texts(Table::ConfigItems, "resource_id"), ["eni-1", "eni-2"]);
    assert_eq!(decoded.texts(Table::Interfaces, "private_ip_address"), ["10.0.0.5", "10.0.0.6", "10.0.0.9"]);
    assert_eq!(decoded.texts(Table::Interfaces, "public_ip"), ["203.0.113.5", "-", "-"]);
    assert_eq!(decoded.texts(Table::Interfaces, "instance_id"), ["i-1", "i-1", "-"]);
    assert_eq!(decoded.texts(Table::Interfaces, "resource_id"), ["-", "-", "nat-2"]);
    assert_eq!(decoded.texts(Table::Interfaces, "security_groups"), [r#"["sg-1"]"#, r#"["sg-1"]"#, "-"]);
    assert_eq!(decoded.texts(Table::Interfaces, "event_date"), ["2025-11-19", "2025-11-19", "unknown"]);
    assert_eq!(decoded.texts(Table::Rejects, "reason"), ["it has no id"]);
    let raw = decoded.texts(Table::ConfigItems, "raw");
    assert!(raw.iter().all(|raw| INTERFACES.contains(raw.as_str())), "as delivered");
    assert_eq!(decoded.summary.shape, "describe-network-interfaces");
    let remarks = decoded.summary.remarks.join("; ");
    assert!(remarks.contains("SecurityGroups") && remarks.contains("more pages follow"), "{remarks}");
}

#[test]
fn reservations_are_opened() {
    let text = r#"{"Reservations":[{"OwnerId":"111122223333","Instances":[{"InstanceId":"i-1","LaunchTime":"2025-11-19T09:00:52.000Z","NetworkInterfaces":[
        {"NetworkInterfaceId":"eni-1","PrivateIpAddress":"10.0.0.5","Groups":[{"GroupId":"sg-1"}]}]},{"InstanceId":"i-2","PrivateIpAddress":"10.0.0.6"}]},
        {"Instances":[]}]}{"Addresses":[{"PublicIp":"203.0.113.5","AllocationId":"eipalloc-1","NetworkInterfaceId":"eni-1"},{"PublicIp":"203.0.113.6"}]}"#;
    let decoded = Decoded::of(text, 7);
    assert_eq!(decoded.counts(), [5, 4, 0, 0, 1]);
    assert_eq!(decoded.texts(Table::ConfigItems, "resource_id"), ["i-1", "i-2", "eipalloc-1", "203.0.113.6"]);
    assert_eq!(decoded.texts(Table::Interfaces, "observation"), ["state", "state", "associated", "allocated"]);
    assert_eq!(decoded.texts(Table::Interfaces, "instance_id"), ["i-1", "i-2", "-", "-"]);
    assert_eq!(decoded.texts(Table::Interfaces, "account_id"), ["111122223333", "111122223333", "-", "-"]);
}

#[test]
fn route_tables_and_network_acls_are_items_as_delivered() {
    let text = r#"{"RouteTables":[{"RouteTableId":"rtb-1","VpcId":"vpc-1","OwnerId":"111122223333","Associations":[{"SubnetId":"subnet-1"}]}]}
        {"NetworkAcls":[{"NetworkAclId":"acl-1","IsDefault":true},{"VpcId":"vpc-1"}]}"#;
    let decoded = Decoded::of(text, 11);
    assert_eq!(decoded.counts(), [3, 2, 0, 1, 0]);
    assert_eq!(decoded.texts(Table::ConfigItems, "resource_type"), ["AWS::EC2::RouteTable", "AWS::EC2::NetworkAcl"]);
    assert_eq!(decoded.texts(Table::ConfigItems, "resource_id"), ["rtb-1", "acl-1"]);
    assert_eq!(decoded.texts(Table::ConfigItems, "account_id"), ["111122223333", "-"]);
    assert_eq!(decoded.texts(Table::ConfigItems, "source"), ["describe-route-tables", "describe-network-acls"]);
    assert_eq!(decoded.texts(Table::ConfigItems, "raw")[1], r#"{"NetworkAclId":"acl-1","IsDefault":true}"#);
    assert_eq!(decoded.texts(Table::Interfaces, "interface_id"), Vec::<String>::new());
}

#[test]
fn a_document_that_breaks_off_keeps_what_is_whole() {
    let at = INTERFACES.find("eni-2").expect("it");
    let decoded = Decoded::of(&INTERFACES[..at], 1000);
    assert_eq!(decoded.counts(), [1, 1, 0, 0, 0]);
    assert!(decoded.summary.broken_off.is_some());
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same(size in 1usize..300) {
        let (whole, cut) = (Decoded::of(INTERFACES, 10_000), Decoded::of(INTERFACES, size));
        prop_assert_eq!(&whole.summary, &cut.summary);
        prop_assert_eq!(whole.batches, cut.batches);
    }

    #[test]
    fn no_text_breaks_the_decoder(text in r#"[{}\[\]",:a-zNI\\ ]{0,200}"#) {
        let decoded = Decoded::of(&format!(r#"{{"NetworkInterfaces":[{text}"#), 50);
        let [read, kept, duplicate, rejected, other] = decoded.counts();
        prop_assert_eq!(read, kept + duplicate + rejected + other);
    }
}
