#!/usr/bin/env python3
"""Writes crates/model/src/touch/records.jsonl: for each event of each rule in rules.txt one record and the ARN it must be tied to.

Shares no code with the project. Shapes follow CloudTrail: EC2's lists are {"items": [...]}, newer EC2 calls stand under a
level named after the call and begin with capitals, one element may stand as an object instead of a list.
"""
import json, pathlib, re

HERE = pathlib.Path(__file__).resolve().parents[2] / "crates/model/src/touch"
REGION, ACCOUNT = "eu-central-1", "111122223333"
EC2_PREFIX = {"instance": "i", "network-interface": "eni", "volume": "vol", "security-group": "sg", "subnet": "subnet", "image": "ami", "launch-template": "lt",
              "security-group-rule": "sgr", "vpc": "vpc", "route-table": "rtb", "internet-gateway": "igw", "natgateway": "nat", "transit-gateway": "tgw",
              "vpc-peering-connection": "pcx", "network-acl": "acl", "elastic-ip": "eipalloc", "vpc-flow-log": "fl", "vpc-endpoint": "vpce",
              "transit-gateway-attachment": "tgw-attach", "transit-gateway-route-table": "tgw-rtb", "vpn-connection": "vpn", "vpn-gateway": "vgw",
              "customer-gateway": "cgw", "snapshot": "snap", "route-table-association": "rtbassoc", "network-interface-attachment": "eni-attach",
              "elastic-ip-association": "eipassoc", "network-acl-association": "aclassoc", "prefix-list": "pl"}
VERSIONED = {"CreateFunction": "20150331", "DeleteFunction": "20150331", "UpdateFunctionCode": "20150331v2", "AddPermission": "20150331v2"}

def value_and_arn(template, n):
    if template == "arn":
        arn = f"arn:aws:iam::{ACCOUNT}:role/path/thing-{n}"
        return arn, arn
    if template == "{queue}":
        return f"https://sqs.{REGION}.amazonaws.com/444455556666/queue-{n}", f"arn:aws:sqs:{REGION}:444455556666:queue-{n}"
    head, resource = template.split(":", 5)[:5], template.split(":", 5)[5]
    service = head[2]
    region = REGION if head[3] == "r" else ""
    account = {"A": ACCOUNT, "{}": "999988887777"}.get(head[4], head[4])
    kind = resource.split("{")[0].rstrip("/")
    if head[4] == "{}":
        value, name = "999988887777", resource
    elif "{" not in resource:
        value, name = None, resource
    elif service == "ec2" and kind in EC2_PREFIX:
        value = f"{EC2_PREFIX[kind]}-{n:017x}"
        name = f"{kind}/{value}"
    elif resource.endswith("{zone}"):
        value, name = f"/hostedzone/Z{n}", f"hostedzone/Z{n}"
    elif resource.endswith("{slashed}"):
        value, name = f"/app/key-{n}", f"parameter/app/key-{n}"
    elif resource.endswith("{object}"):
        value, name = f"/source-bucket/some%20key-{n}?versionId=1", f"source-bucket/some key-{n}"
    elif "{R.bucketName}" in resource:
        value, name = f"folder/key-{n}", f"a-bucket/folder/key-{n}"
    else:
        value = f"name{n}"
        name = re.sub(r"\{[a-z]*\}", value, resource)
    return value, f"arn:aws:{service}:{region}:{account}:{name}"

def nest(keys, value):
    for key in reversed(keys):
        value = [value] if key == "[]" else {key: value}
    return value

def record(service, event, path, template, n):
    value, arn = value_and_arn(template, n)
    call = {"eventSource": f"{service}.amazonaws.com", "eventName": event + VERSIONED.get(event, ""), "caller": f"arn:aws:iam::{ACCOUNT}:user/alice"}
    if path == "caller":
        arn = call["caller"]
    elif path == "-":
        del call["caller"]
    else:
        root = {"R": "request", "E": "response", "A": "additional", "S": "details"}[path[0]]
        keys = [k for part in path[2:].lstrip(".").split(".") for k in ((part[:-2], "[]") if part.endswith("[]") else (part,))]
        if n % 3 == 0:
            keys = [k for k in keys if k != "[]"]  # one element may stand as it is
        if path[2] == ".":
            keys = ["somethingAround"] + keys
        if service == "ec2" and keys[0][0].isupper():
            keys = [event + ("Request" if root == "request" else "Response")] + keys
        body = nest(keys, value)
        if "{R.bucketName}" in template:
            body["bucketName"] = "a-bucket"
        call[root] = body
    return {**call, "arn": arn}

rows, n = [], 0
for line in (HERE / "rules.txt").read_text().splitlines():
    if not line or line.startswith("#"):
        continue
    service, events, path, template, *flags = line.split()
    for event in events.split(","):
        n += 1
        event = {"*": "GetBucketAcl", "UpdateSecurityGroupRuleDescriptions*": "UpdateSecurityGroupRuleDescriptionsEgress",
                 "CreateTransitGateway*": "CreateTransitGatewayVpcAttachment"}.get(event, event)
        if service == "*":
            service, event = "glue", "StartJobRun"
        row = record(service, event, path, template, n)
        row["part"] = "related" if "related" in flags else "target"
        rows.append(json.dumps(row, separators=(",", ":")))
(HERE / "records.jsonl").write_text("\n".join(rows) + "\n")
print(len(rows), "records")
