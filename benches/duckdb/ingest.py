"""The peer of `backtrail ingest`: DuckDB reads the same gzip files into zstd Parquet with the same columns.

usage: ingest.py EVIDENCE_DIR TO.parquet THREADS

Records are read as JSON text (`Records` as a list of JSON), so that `raw` is the text as delivered and not a re-serialisation;
fields are taken out of it with DuckDB's own JSON functions. No hash, no duplicate is sought, no origin is kept, and no
order established: all of that Backtrail does besides.
"""

import sys

import duckdb

TEXTS = """eventID eventName eventSource awsRegion recipientAccountId sourceIPAddress userAgent errorCode errorMessage eventCategory
eventType eventVersion apiVersion requestID sharedEventID vpcEndpointId vpcEndpointAccountId""".split()
FLAGS = ["readOnly", "managementEvent", "sessionCredentialFromConsole"]
IDENTITY = """type principalId arn accountId accessKeyId userName invokedBy identityProvider credentialId invokedByDelegate.accountId
onBehalfOf.userId onBehalfOf.identityStoreArn sessionContext.attributes.creationDate sessionContext.attributes.mfaAuthenticated
sessionContext.sessionIssuer.type sessionContext.sessionIssuer.principalId sessionContext.sessionIssuer.arn
sessionContext.sessionIssuer.accountId sessionContext.sessionIssuer.userName sessionContext.sourceIdentity
sessionContext.ec2RoleDelivery sessionContext.assumedRoot sessionContext.signInSessionArn""".split()
NESTED = """requestParameters responseElements additionalEventData serviceEventDetails resources tlsDetails edgeDeviceDetails addendum
eventContext userIdentity.inScopeOf userIdentity.sessionContext.webIdFederationData""".split()

evidence, to, threads = sys.argv[1:]
connection = duckdb.connect()
connection.execute(f"SET threads = {int(threads)}")
columns = ["(r->>'$.eventTime')::TIMESTAMP AS event_time"]
# One extraction for all texts: DuckDB then parses a record once for them, not once a column.
paths = [f"$.{name}" for name in TEXTS + FLAGS] + [f"$.userIdentity.{name}" for name in IDENTITY]
columns += [f'texts[{i + 1}] AS "{path[2:]}"' for i, path in enumerate(paths)]
nested = [f"$.{name}" for name in NESTED]
columns += [f'nested[{i + 1}]::VARCHAR AS "{path[2:]}"' for i, path in enumerate(nested)]
query = f"""
    COPY (
        SELECT {", ".join(columns)}, r::VARCHAR AS raw
        FROM (
            SELECT r, json_extract_string(r, {paths}) AS texts, json_extract(r, {nested}) AS nested
            FROM (
                SELECT unnest(Records) AS r
                FROM read_json('{evidence}/**/*.json.gz', format = 'unstructured', columns = {{Records: 'JSON[]'}}, maximum_object_size = 268435456)
            )
        )
    ) TO '{to}' (FORMAT parquet, COMPRESSION zstd)
"""
connection.execute(query)
