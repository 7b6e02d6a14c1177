#!/usr/bin/env python3
"""What flow-log text files add up to, as JSON.

    python3 tests/expect/flow_sums.py FOLDER [--check TRUTH.json]

Reads every file below FOLDER that begins with a header line of flow-log field names, gzip or plain, and prints all rows, rows by
log-status, and by flow-log id and interface the sums of packets and bytes by action (and by direction, where records say it).
It follows AWS's description of the format, and shares no code with the project or its generator:

- The header line is the schema: field names separated by blanks, in any order, and unknown ones among them.
- `-` is a value that does not apply or was not computed.
- Only rows of log-status OK have packets and bytes; NODATA and SKIPDATA rows are counted by status.
- The flow log's id stands in the file's name alone (`..._fl-0123456789abcdef0_...`). Without it the id is `-`.
- Every line is a row: a line that is repeated counts as often as it is there.

With --check, the sums are compared with a truth file of the generator, and what differs is printed; the exit code is then 1.
"""

import argparse
import gzip
import json
import pathlib
import re
import sys

KNOWN = {"version", "account-id", "interface-id", "tgw-id", "srcaddr", "dstaddr", "start", "end", "log-status", "bytes", "packets"}
FLOW_LOG_ID = re.compile(r"(?:^|_)(fl-[0-9a-f]+)(?:_|$|\.)")
MISSING = "-"


def lines_of(path):
    """The lines of a file, unpacked if it is gzip; None where it is not text."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    opened = gzip.open(path, "rt", encoding="utf-8", newline="\n") if packed else open(path, encoding="utf-8", newline="\n")
    with opened as text:
        for line in text:
            yield line.rstrip("\r\n")


def is_header(line):
    names = line.split(" ")
    return len(names) > 1 and len(KNOWN.intersection(names)) >= 3 and len(set(names)) == len(names)


def new_sum():
    return {"rows": 0, "packets": 0, "bytes": 0}


def add(total, packets, size):
    total["rows"] += 1
    total["packets"] += packets
    total["bytes"] += size


def number(value):
    return 0 if value == MISSING else int(value)


def take(result, log_id, names, line, where):
    """Adds one row."""
    values = line.split(" ")
    if len(values) != len(names):
        sys.exit(f"{where}: {len(values)} values for {len(names)} fields")
    row = dict(zip(names, values))
    status = row.get("log-status", MISSING)
    log = result["logs"].setdefault(log_id, {"rows": 0, "by_log_status": {}, "interfaces": {}})
    face = log["interfaces"].setdefault(row.get("interface-id", MISSING), {"rows": 0, "by_log_status": {}})
    for part in (result, log, face):
        part["rows"] += 1
        part["by_log_status"][status] = part["by_log_status"].get(status, 0) + 1
    if status not in ("OK", MISSING):
        return
    packets, size = number(row.get("packets", MISSING)), number(row.get("bytes", MISSING))
    action = face.setdefault(row.get("action", MISSING), new_sum())
    add(action, packets, size)
    direction = row.get("flow-direction", MISSING)
    if direction != MISSING:
        add(action.setdefault(direction, new_sum()), packets, size)


def sums(folder):
    result = {"files": 0, "rows": 0, "by_log_status": {}, "logs": {}, "passed_over": []}
    for path in sorted(p for p in pathlib.Path(folder).rglob("*") if p.is_file()):
        try:
            names = None
            named = FLOW_LOG_ID.search(path.name)
            log_id = named.group(1) if named else MISSING
            for count, line in enumerate(lines_of(path), 1):
                if names is None:
                    if not is_header(line):
                        break
                    names = line.split(" ")
                    result["files"] += 1
                elif line:
                    take(result, log_id, names, line, f"{path}:{count}")
            if names is None:
                result["passed_over"].append(str(path.relative_to(folder)))
        except UnicodeDecodeError:
            result["passed_over"].append(str(path.relative_to(folder)))
    return result


def differences(truth, found, where=""):
    """What the truth says otherwise, as far as both speak of it; a sum of nothing may be left out."""
    if isinstance(truth, dict) and isinstance(found, dict):
        for key in sorted(set(truth) & set(found)):
            yield from differences(truth[key], found[key], f"{where}/{key}")
        for key in set(found) - set(truth):
            yield f"{where}/{key}: not in the truth"
        for key in set(truth) - set(found):
            if key in ("ACCEPT", "REJECT") or key.startswith(("fl-", "eni-")):
                yield f"{where}/{key}: not in the files"
    elif truth != found:
        yield f"{where}: the truth says {truth}, the files {found}"


def by_log(found):
    """The same without interfaces, for a truth that has none."""
    log = {"rows": found["rows"], "by_log_status": found["by_log_status"]}
    for face in found["interfaces"].values():
        for action in ("ACCEPT", "REJECT"):
            for key in ("rows", "packets", "bytes"):
                if action in face:
                    log.setdefault(action, new_sum())[key] += face[action][key]
    return log


def check(truth, found):
    wrong = []
    for key in ("rows", "by_log_status"):
        wrong += differences(truth[key], found[key], key)
    for log in sorted(set(truth["logs"]) | set(found["logs"])):
        told, got = truth["logs"].get(log), found["logs"].get(log)
        if told is None or got is None:
            wrong.append(f"{log}: only {'in the files' if told is None else 'in the truth'}")
        elif isinstance(told["interfaces"], dict):
            wrong += differences({k: told[k] for k in got}, got, log)
        else:
            wrong += differences(told, by_log(got), log)
            if told["interfaces"] < len(got["interfaces"]):
                wrong.append(f"{log}: {len(got['interfaces'])} interfaces, not {told['interfaces']}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description="What flow-log text files add up to.")
    parser.add_argument("folder")
    parser.add_argument("--check", metavar="TRUTH.json", help="compare with what the generator wrote down, print only what differs")
    args = parser.parse_args()
    found = sums(args.folder)
    if args.check is None:
        print(json.dumps(found, indent=1))
        return
    with open(args.check, encoding="utf-8") as file:
        wrong = check(json.load(file), found)
    print("\n".join(wrong) if wrong else f"{found['rows']} rows in {found['files']} files, as the truth says")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
