# LiveCodeBench's own grader beside ours, for BenchmarkVerify: for every line with a number
# of tests it judges one program and prints how many milliseconds that took.
import json
import sys
import time
import types

try:
    import tqdm
except ImportError:  # only for its progress bar
    tqdm = types.ModuleType("tqdm")
    tqdm.tqdm = lambda items, **_: items
    sys.modules["tqdm"] = tqdm
from livecodebench.evaluation.compute_code_generation_metrics import check_correctness

for line in sys.stdin:
    n = int(line)
    sample = {"input_output": json.dumps({
        "inputs": ["%d\n" % i for i in range(n)],
        "outputs": ["%d\n" % (i + 1) for i in range(n)],
        "fn_name": None,
    })}
    began = time.perf_counter()
    results, _ = check_correctness(sample, "print(int(input()) + 1)", 6, debug=False)
    took = time.perf_counter() - began
    assert len(results) == n and all(r is True for r in results), results
    print(took * 1e3, flush=True)
