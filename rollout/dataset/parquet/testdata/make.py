"""Writes rows of ../../testdata/*.jsonl as Parquet, the way the public sets are
published: by Arrow, compressed with Snappy, lists of strings and structs as columns.

    pip install pyarrow
    python3 make.py
"""
import json
import pyarrow as pa
import pyarrow.parquet as pq

for name in ("code_contests", "deepcoder", "synthetic1", "verl"):
    with open(f"../../testdata/{name}.jsonl", encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    for row in rows:
        if "metadata" in row:  # a struct of one field in every row
            row["metadata"] = {"func_name": (row["metadata"] or {}).get("func_name")}
    pq.write_table(pa.Table.from_pylist(rows), f"{name}.parquet", row_group_size=2)
