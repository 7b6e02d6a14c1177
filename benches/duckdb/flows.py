"""The peer of `backtrail ingest` of flow logs: DuckDB reads the same gzip text files into zstd Parquet with the same columns.

usage: flows.py EVIDENCE_DIR TO.parquet THREADS

The files have a header, one blank between fields, and `-` where there is none: what `read_csv` is made for. The types are those AWS's own Parquet
files have. No duplicate is sought, nothing is sorted, no record keeps where it came from but its file's name: all of that Backtrail does besides.
"""

import sys

import duckdb

NUMBERS = {
    **dict.fromkeys("version srcport dstport protocol tcp-flags traffic-path".split(), "INTEGER"),
    **dict.fromkeys("packets bytes start end".split(), "BIGINT"),
}
FIELDS = """version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status vpc-id subnet-id
instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service
flow-direction traffic-path""".split()

evidence, to, threads = sys.argv[1:]
connection = duckdb.connect()
connection.execute(f"SET threads = {int(threads)}")
columns = {name: NUMBERS.get(name, "VARCHAR") for name in FIELDS}
renamed = ", ".join(f'"{name}" AS "{name.replace("-", "_")}"' for name in FIELDS)
connection.execute(
    f"""
    COPY (
        SELECT to_timestamp("start") AS event_time, {renamed}, filename
        FROM read_csv('{evidence}/**/*.log.gz', columns = {columns}, auto_detect = false, header = true, delim = ' ', nullstr = '-',
                      quote = '', escape = '', compression = 'gzip', filename = true)
    ) TO '{to}' (FORMAT parquet, COMPRESSION zstd)
    """
)
