"""DuckDB's side of the ten queries: one query over the store's own Parquet files, answered as CSV.

usage: query.py FILES.json QUERY.sql PARAMETERS.json THREADS TO.csv

FILES.json is the list of the data files of table `cloudtrail`; `event_date` comes from their folders, as in any Delta or Hive reader.
Prints seconds as JSON: `connect` is opening the in-memory database, `query` is everything after it until the last byte of the
answer is written: naming the files as a view, planning, reading, answering.
"""

import json
import sys
import time

import duckdb

files, sql, parameters, threads, to = sys.argv[1:]
with open(files) as f:
    files = json.load(f)
with open(sql) as f:
    sql = f.read()
with open(parameters) as f:
    # DuckDB refuses values a query has no place for.
    parameters = {name: value for name, value in json.load(f).items() if f"${name}" in sql}

began = time.perf_counter()
connection = duckdb.connect()
connection.execute(f"SET threads = {int(threads)}")
connection.execute("SET TimeZone = 'UTC'")
connected = time.perf_counter()
listed = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
connection.execute(
    f"CREATE TEMP VIEW cloudtrail AS SELECT * FROM read_parquet([{listed}], hive_partitioning = true, hive_types = {{'event_date': VARCHAR}})"
)
connection.execute(f"COPY ({sql}) TO '{to}' (FORMAT csv, HEADER)", parameters)
done = time.perf_counter()
print(json.dumps({"connect": connected - began, "query": done - connected}))
