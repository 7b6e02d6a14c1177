#!/usr/bin/env python3
"""What a correct ingest of each folder of the shared evidence gives, worked out without any of the project's code.

    python3 tests/expect/expectations.py ../shared/data > tests/expect/expected.json

Python's standard library only. The rules are in README.md beside this file; what no rule decides is in by_hand.json,
file by file, with the reason. Nothing of the evidence itself is written: counts, times, file names and one hash over
the event ids of each folder.
"""

import csv
import fnmatch
import gzip
import hashlib
import io
import json
import os
import re
import sys
import zipfile
from collections import Counter, defaultdict
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = [
    "cloudtrail/stratus_detonation",
    "cloudtrail/umccr",
    "cloudtrail/opensearch",
    "cloudtrail/otrf",
    "cloudtrail/traildiscover",
    "cloudtrail/panther_analysis",
    "cloudtrail/plaso_lookup_events",
    "cloudtrail/cloudwatch_wrapped",
    "cloudtrail/cribl_wrapped",
    "cloudtrail/splunk_single_events",
    "flowlogs",
    "ocsf_pairs",
    "findings/asff_asr",
    "findings/guardduty",
    "config",
    "digest/synth/clean",
    "digest/synth",
]
# Fields that, beside eventSource and eventName, make an object a CloudTrail record (README.md, rule 3).
MARKS = ("eventVersion", "eventTime", "eventID", "awsRegion", "userIdentity", "eventType", "recipientAccountId", "sourceIPAddress")
LATEST = datetime(2026, 12, 31, tzinfo=timezone.utc)
GUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


# ---------------------------------------------------------------- records


def is_record(value):
    """Rule 3: is this object a CloudTrail record? S3, SQS and SNS notifications and catalogues of calls look alike and are not."""
    if not isinstance(value, dict) or str(value.get("eventSource", "")).startswith("aws:"):
        return False
    if value.get("eventType") in ("AwsCloudTrailInsight", "AwsAggregatedEvent"):
        return True
    marks = sum(mark in value for mark in MARKS)
    return marks >= 1 and "eventSource" in value and "eventName" in value or marks >= 3


def as_number(value):
    """RFC 8785 writes every number as the double it denotes."""
    return float(value)


def canonical(record):
    """RFC 8785 in effect: sorted keys, numbers as doubles, without eventContext; a field that is null is one that is not there."""
    kept = {key: value for key, value in record.items() if key != "eventContext" and value is not None}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


# CloudTrail leaves these out of a record where they are too large: a copy without them says nothing of them.
OMITTABLE = {
    "requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "edgeDeviceDetails",
}


def covers(full, less):
    """Whether one copy of an event says all that another says, and more; both in canonical form."""
    full, less = json.loads(full), json.loads(less)
    unsaid = [key for key in set(full) | set(less) if key in OMITTABLE and key not in less]
    unsaid += [key for key, value in less.items() if isinstance(value, dict) and value.get("omitted") is True]
    return full != less and all(full.get(key) == less.get(key) for key in set(full) | set(less) if key not in unsaid)


def shown_versions(versions):
    """The contents of one event that no other content of it covers."""
    return [text for text in sorted(versions) if not any(covers(other, text) for other in versions if other != text)]


def loads(text):
    return json.loads(text, parse_int=as_number, parse_float=as_number, strict=False)


def identity(record):
    event_id = record.get("eventID", record.get("eventId"))
    if isinstance(event_id, str) and event_id:
        return "id:" + (event_id.lower() if GUID.match(event_id.lower()) else event_id)
    return "sha:" + hashlib.sha256(canonical(record).encode()).hexdigest()


def instant(record):
    """Microseconds, by rule 5: eventTime, or Logstash's @timestamp, which is that very field renamed."""
    text = record.get("eventTime")
    if text is None and "@version" in record:
        text = record.get("@timestamp")
    if not isinstance(text, str):
        return None
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y%m%dT%H%M%SZ"):
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
        return moment if 2006 <= moment.year and moment <= LATEST else None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)
    except ValueError:
        return None


def table_of(record):
    category = record.get("eventCategory")
    if category == "Insight" or record.get("eventType") == "AwsCloudTrailInsight":
        return "cloudtrail_insights"
    if category == "Aggregated" or record.get("eventType") == "AwsAggregatedEvent":
        return "cloudtrail_aggregated"
    return "cloudtrail"


# ---------------------------------------------------------------- files


class Piece:
    """One row of the ledger: distinct bytes, wherever they were met."""

    def __init__(self, name, data):
        self.name, self.names = name, [name]
        self.data = data
        self.sha = hashlib.sha256(data).hexdigest()
        self.fate, self.kind = None, None
        self.records, self.rejected, self.other = [], 0, 0
        # Flow records: how many, and how many of them another piece has as well.
        self.flows, self.flow_copies = 0, 0
        self.hand = None


def pieces(root):
    """Every file and archive member below root, once for each distinct content (rule 1)."""
    found = {}

    def meet(name, data):
        piece = Piece(name, data)
        if piece.sha in found:
            found[piece.sha].names.append(name)
            return
        found[piece.sha] = piece
        if data[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for member in archive.namelist():
                    meet(name + "!" + member, archive.read(member))

    for folder, below, files in os.walk(root):
        below.sort()
        for file in sorted(files):
            path = os.path.join(folder, file)
            with open(path, "rb") as handle:
                meet(os.path.relpath(path, root), handle.read())
    return list(found.values())


def documents(text):
    """The JSON documents a text holds: one, one a line, or one after another. None where it is not JSON."""
    decoder = json.JSONDecoder(strict=False, parse_int=as_number, parse_float=as_number)
    position, values = 0, []
    space = re.compile(r"\s*")
    while True:
        position = space.match(text, position).end()
        if position == len(text):
            return values or None
        try:
            value, position = decoder.raw_decode(text, position)
        except ValueError:
            return None
        values.append(value)


def unwrap(value):
    """Rules 2 to 4: what a wrapper presents as records, as a list of ("record", r), ("other", _), ("foreign", _)."""
    if isinstance(value, list):
        return [found for item in value for found in unwrap(item)] or [("other", value)]
    if not isinstance(value, dict):
        return [("foreign", value)]
    if is_record(value):
        return [("record", value)]
    if isinstance(value.get("Records"), list):
        return unwrap(value["Records"])
    if isinstance(value.get("CloudTrailEvent"), str):
        return [("record", loads(value["CloudTrailEvent"]))]
    if isinstance(value.get("_raw"), str):
        return unwrap(loads(value["_raw"]))
    if value.get("messageType") == "DATA_MESSAGE":
        found = []
        for event in value["logEvents"]:
            inner = documents(event["message"])
            found += unwrap(inner[0]) if inner and len(inner) == 1 else [("foreign", event)]
        return found
    inner = value.get("aws", {}).get("cloudtrail") if isinstance(value.get("aws"), dict) else None
    if is_record(inner):
        return [("record", inner)]
    if isinstance(value.get("eventSource"), str) and value["eventSource"].startswith("aws:"):
        return [("other", value)]
    return [("foreign", value)]


def kind_of(piece, values, data):
    """Rule 6: which other kind of evidence a file without CloudTrail records holds; None if it is not evidence."""
    name = piece.name
    if data[:4] == b"PAR1":
        return "parquet"
    if data[:4] == b"PK\x03\x04":
        return "archive"
    lines = data[:4000].decode("utf-8", "replace").splitlines()
    if lines and re.match(r"^2 \d{12} eni-[0-9a-f]+ ", lines[0]):
        return "flow log"
    if not values:
        return None
    first = values[0][0] if isinstance(values[0], list) and values[0] else values[0]
    if not isinstance(first, dict):
        return None
    lower = {key.lower() for key in first}
    if {"digeststarttime", "digestendtime", "logfiles"} <= lower:
        return "digest"
    if "detail" in lower and "detail-type" in lower:
        source = first.get("source", "")
        return {"aws.securityhub": "security hub", "aws.guardduty": "guardduty", "aws.config": "config"}.get(source, "finding")
    if {"schemaversion", "productarn"} <= lower:
        return "security hub"
    if "service" in lower and "resource" in lower and "severity" in lower and ({"type", "detectorid"} & lower or "title" in lower):
        return "guardduty"
    if "findings" in lower:
        return "security hub"
    if ":guardduty:" in str(first.get("arn", "")):
        return "guardduty"
    if {"query_name", "query_timestamp"} <= lower:
        return "resolver query log"
    return None


def judge(piece, hand):
    """Fills in the fate and the counts of one piece, by the rules or by hand."""
    data = piece.data
    rule = next((entry for entry in hand if any(fnmatch.fnmatchcase(name, entry["file"]) for name in piece.names)), None)
    piece.hand = rule
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if rule and rule.get("take") == "rows":
        rows = csv.DictReader(io.StringIO(data.decode("utf-8")))
        piece.records = [{name: row[column] for name, column in rule["columns"].items()} for row in rows]
    elif rule and rule.get("take") == "every object":
        piece.records = list(objects_in(data.decode("utf-8")))
    elif not (rule and rule.get("take") == "nothing"):
        try:
            values = documents(data.decode("utf-8-sig"))
        except UnicodeDecodeError:
            values = None
        found = [item for value in values or [] for item in unwrap(value)]
        piece.records = [value for what, value in found if what == "record"]
        piece.other = sum(what == "other" for what, _ in found)
        foreign = sum(what == "foreign" for what, _ in found)
        if piece.records:
            piece.rejected = foreign
        elif not piece.other or foreign:
            piece.other = 0
            kind = kind_of(piece, values, data)
            piece.fate, piece.kind = ("deferred", kind) if kind else ("ignored", None)
            if kind == "flow log":
                piece.fate, piece.kind, piece.flows = "kept", None, len(data.decode().splitlines())
    piece.fate = piece.fate or "kept"
    if rule:
        piece.fate = rule.get("fate", piece.fate)
        piece.rejected = rule.get("rejected", piece.rejected)
        piece.other = rule.get("other", piece.other)
        piece.kind = rule.get("kind", piece.kind)
        piece.flows, piece.flow_copies = rule.get("flows", piece.flows), rule.get("flow_copies", 0)


def objects_in(text):
    """Every CloudTrail record that stands whole in a broken text, wherever it stands."""
    decoder = json.JSONDecoder(strict=False, parse_int=as_number, parse_float=as_number)
    position = text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except ValueError:
            value, end = None, position + 1
        inner = value if is_record(value) else (value or {}).get("aws", {}).get("cloudtrail")
        if is_record(inner):
            yield inner
        else:
            end = position + 1
        position = text.find("{", end)


# ---------------------------------------------------------------- sums


def fates_of(found):
    """How many pieces have each fate: [least, most], where a piece may have one of several."""
    least, most = Counter(), Counter()
    for piece in found:
        allowed = piece.fate if isinstance(piece.fate, list) else [piece.fate]
        most.update(allowed)
        if len(allowed) == 1:
            least.update(allowed)
    return {fate: [least[fate], most[fate]] for fate in sorted(most) if fate != "absent"}


def total(value):
    """A number, or a range [least, most] where the contract leaves the number open."""
    return value if isinstance(value, list) else [value, value]


def add(a, b):
    low, high = [x + y for x, y in zip(total(a), total(b))]
    return low if low == high else [low, high]


def micros(moment):
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def fnv64(data):
    """FNV-1a: enough to tell two lists of ids apart, and a few lines in any language."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def summarise(folder, root, hand):
    found = pieces(os.path.join(root, folder))
    for piece in found:
        judge(piece, hand)
    copies = defaultdict(lambda: defaultdict(list))
    for piece in found:
        for record in piece.records:
            copies[(table_of(record), identity(record))][canonical(record)].append(record)
    shown = [(table, key, versions[text][0], len(versions)) for (table, key), versions in copies.items() for text in shown_versions(versions)]
    accepted = sum(len(piece.records) for piece in found)
    rejected = other = 0
    for piece in found:
        rejected, other = add(rejected, piece.rejected), add(other, piece.other)
    flows, flow_copies = sum(piece.flows for piece in found), sum(piece.flow_copies for piece in found)
    times = sorted(moment for _, _, record, _ in shown if (moment := instant(record)))
    ids = sorted({str(record.get("eventID", record.get("eventId"))) for _, key, record, _ in shown if key.startswith("id:")})
    errors = Counter(str(record["errorCode"]) for table, _, record, _ in shown if table == "cloudtrail" and record.get("errorCode"))
    events = [record for table, _, record, _ in shown if table == "cloudtrail"]
    tables = Counter(table for table, _, _, _ in shown)
    result = {
        "how": "script, odd files by hand" if any(piece.hand for piece in found) else "script",
        "files": sum(len(piece.names) for piece in found),
        "pieces": len(found),
        "containers": sum(bool(piece.hand and piece.hand.get("container")) for piece in found),
        "fates": fates_of(found),
        "deferred_kinds": dict(sorted(Counter(piece.kind for piece in found if piece.fate == "deferred" and piece.kind).items())),
        "read": add(add(accepted + flows, rejected), other),
        "kept": len(shown) + flows - flow_copies,
        "duplicate": accepted - len(shown) + flow_copies,
        "rejected": rejected,
        "other": other,
        "tables": {name: tables.get(name, 0) for name in ("cloudtrail", "cloudtrail_insights", "cloudtrail_aggregated")},
        "flows": [flows - flow_copies, flows],
        "event_ids": len(ids),
        "event_ids_fnv64": f"{fnv64(chr(10).join(ids).encode()):016x}",
        "without_event_id": sum(key.startswith("sha:") for _, key, _, _ in shown),
        "in_conflict": conflicts([(table, key, record) for table, key, record, _ in shown]),
        "without_time": sum(instant(record) is None for _, _, record, _ in shown),
        "first_event_micros": micros(times[0]) if times else None,
        "last_event_micros": micros(times[-1]) if times else None,
        "with_error_code": sum(errors.values()),
        "error_codes": dict(sorted(errors.items(), key=lambda item: (-item[1], item[0]))[:5]),
        "accounts": len({record.get("recipientAccountId") for record in events} - {None}),
        "event_names": len({record.get("eventName") for record in events} - {None}),
        "files_in_detail": [
            {
                "file": piece.name,
                "fate": piece.fate if isinstance(piece.fate, list) else [piece.fate],
                "accepted": len(piece.records) + piece.flows,
                "rejected": piece.rejected,
                "other": piece.other,
                **({"by_hand": piece.hand["why"]} if piece.hand else {}),
            }
            for piece in found
            if (piece.hand and not piece.name.endswith(".metadata.json")) or piece.fate == "kept" and len(found) < 60
        ],
    }
    return result


def conflicts(shown):
    """Rows whose event has another row, on whatever date: a forged record may be dated back."""
    groups = Counter((table, key) for table, key, _ in shown)
    return sum(count for count in groups.values() if count > 1)


def panther(root):
    """The CloudTrail events of Panther's rule tests, taken out of their `log` key: one JSONL stream (test code does the same)."""
    with open(os.path.join(root, "cloudtrail/panther_analysis/tests_with_expected.ndjson"), encoding="utf-8") as handle:
        rows = [loads(line) for line in handle]
    logs = [row["log"] for row in rows if row["logTypes"] == ["AWS.CloudTrail"]]
    taken = [log for log in logs if is_record(log)]
    copies = defaultdict(lambda: defaultdict(int))
    for log in taken:
        copies[identity(log)][canonical(log)] += 1
    logs_of = {(identity(log), canonical(log)): log for log in taken}
    distinct = [logs_of[key, text] for key, versions in copies.items() for text in shown_versions(versions)]
    kept = len(distinct)
    return {
        "read": len(logs),
        "kept": kept,
        "duplicate": len(taken) - kept,
        "rejected": len(logs) - len(taken),
        "other": 0,
        "in_conflict": conflicts([("cloudtrail", identity(log), log) for log in distinct]),
        "without_event_id": sum(key.startswith("sha:") for key in copies),
        "network_activity": sum(log.get("eventCategory") == "NetworkActivity" for log in distinct),
    }


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../../shared/data")
    with open(os.path.join(HERE, "by_hand.json"), encoding="utf-8") as handle:
        hand = json.load(handle)
    folders = {folder: summarise(folder, root, hand.get(folder, [])) for folder in FOLDERS}
    json.dump({"folders": folders, "panther_cloudtrail_logs": panther(root)}, sys.stdout, indent=1, ensure_ascii=True)
    print()


if __name__ == "__main__":
    main()
