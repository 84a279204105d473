"""Reads `go test -json` and prints what a person wants to see: a line a package,
the output of what failed, why tests were skipped. Writes the count to the file
that is named. Exits 1 if something failed or no test ran."""

import json
import sys
from collections import Counter, defaultdict

output = defaultdict(list)  # (package, test) -> lines
tests = defaultdict(Counter)  # package -> outcomes of its tests
totals = Counter()

for line in sys.stdin:
    try:
        event = json.loads(line)
    except ValueError:
        print(line, end="")
        continue
    action = event["Action"]
    package = event.get("Package") or event.get("ImportPath", "")
    test = event.get("Test", "")
    key = (package, test)
    if action in ("output", "build-output"):
        output[key].append(event["Output"])
        continue
    if action == "build-fail":
        print("".join(output.pop(key, [])), end="", flush=True)
        continue
    if action not in ("pass", "fail", "skip"):
        continue
    if test:
        totals[action] += 1
        tests[package][action] += 1
        lines = output.pop(key, [])
        if action != "pass":
            print("".join(lines), end="", flush=True)
        continue
    # The package as a whole.
    count = tests[package]
    if action == "fail" and not count["fail"]:
        totals["fail"] += 1  # did not build, panicked outside a test, ran out of time
    if action == "fail":
        for of, lines in list(output.items()):
            if of[0] == package:
                print("".join(lines), end="")
    if action != "skip":
        word = {"pass": "ok  ", "fail": "FAIL"}[action]
        print(f"{word} {package}  {event.get('Elapsed', 0):.1f} s, {count.total()} tests", flush=True)
    for of in [of for of in output if of[0] == package]:
        del output[of]

with open(sys.argv[1], "w") as file:
    skipped = f", {totals['skip']} skipped" if totals["skip"] else ""
    file.write(f"{totals['pass']} passed, {totals['fail']} failed{skipped}\n")
sys.exit(totals["fail"] > 0 or totals["pass"] == 0)
