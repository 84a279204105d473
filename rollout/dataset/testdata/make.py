"""Writes the same two problems in every schema, with the encoders that the public
sets were written with: json.dumps, repr, pickle, zlib and base64 of CPython.

    python3 make.py
"""
import base64, json, pickle, zlib

CAPITALS = [("é\n", "É\n"), ("a 😀\n2\n", "A 😀\n2\n"), ("'\"\\\n", "'\"\\\n")]
PAIR = [([["a", "é"], 2], ["a", 2]), ([[], 1.5], None), ([["'"], -3], [True, {"k": [0]}])]
GOOD = "import sys\nprint(sys.stdin.read().upper(), end='')\n"


def write(name, rows):
    with open(name, "w", encoding="utf-8") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=row.pop("ascii", True)) + "\n")


def encoded(args):
    return "\n".join(map(json.dumps, args))


write("rlvr.jsonl", [
    {"problem": "Capitals", "problem_type": "stdin_stdout",
     "tests": {"input": [i for i, _ in CAPITALS], "output": [o for _, o in CAPITALS]}, "ascii": False},
    {"problem": "Pair", "problem_type": "func", "fn_name": "pair", "starter_code": "def pair(words, n):",
     "tests": json.dumps({"input": [encoded(a) for a, _ in PAIR], "output": [json.dumps(r) for _, r in PAIR]})},
    {"problem": "Pair", "problem_type": "func", "fn_name": "pair", "starter_code": "def pair(words, n):",
     "tests": json.dumps({"input": [a for a, _ in PAIR], "output": [[r] for _, r in PAIR]}, ensure_ascii=False)},
])


def cases(tests, kind):
    return [{"input": i, "output": o, "testtype": kind} for i, o in tests]


def pickled(tests, protocol):
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests), protocol))).decode()


stdin = cases(CAPITALS, "stdin")
functional = cases([(encoded(a), json.dumps(r)) for a, r in PAIR], "functional")
lcb = {"question_title": "T", "platform": "atcoder", "contest_id": "c", "difficulty": "easy", "starter_code": ""}
write("livecodebench.jsonl", [
    {**lcb, "question_id": "capitals", "question_content": "Capitals", "contest_date": "2024-08-01T00:00:00",
     "public_test_cases": json.dumps(stdin[:1]), "private_test_cases": private, "metadata": "{}"}
    for private in [json.dumps(stdin[1:])] + [pickled(stdin[1:], p) for p in (2, 3, 4, 5)]
] + [
    {**lcb, "question_id": "pair", "question_content": "Pair", "contest_date": "2024-08-01T00:00:00",
     "starter_code": "def pair(words, n):", "public_test_cases": json.dumps(functional[:2]),
     "private_test_cases": pickled(functional[2:], 4), "metadata": json.dumps({"func_name": "pair"})},
])

columns = {"inputs": [i for i, _ in CAPITALS], "outputs": [o for _, o in CAPITALS]}
calls = {"fn_name": "pair", "inputs": [a for a, _ in PAIR], "outputs": [[r] for _, r in PAIR]}
taco = [
    {"question": q, "input_output": encode(x), "solutions": json.dumps([GOOD]), "difficulty": "EASY", "starter_code": s}
    for encode in (json.dumps, repr)
    for q, x, s in (("Capitals", columns, ""), ("Pair", calls, "def pair(words, n):"))
]
with open("taco.json", "w", encoding="utf-8") as f:
    json.dump(taco, f, indent=1, ensure_ascii=False)

write("synthetic1.jsonl", [
    {"problem_id": f"vcp_{n}", "task_type": "verifiable_code", "prompt": q, "gold_standard_solution": f"```python\n{GOOD}```",
     "verification_info": encode({"language": "python", "test_cases": tests})}
    for n, encode in enumerate((json.dumps, repr))
    for q, tests in (
        ("Capitals", [{"fn_name": None, "input": i, "output": o, "type": "stdin_stdout"} for i, o in CAPITALS]),
        ("Pair", [{"fn_name": "pair", "input": a, "output": [r], "type": "function_call"} for a, r in PAIR]))
] + [
    {"problem_id": "math", "task_type": "verifiable_math", "prompt": "1 + 1?", "verification_info": "{}"},
    {"problem_id": "rust", "task_type": "verifiable_code", "prompt": "?", "verification_info": repr({"language": "rust", "test_cases": []})},
])

write("code_contests.jsonl", [
    {"name": "1_A. Capitals", "description": "Capitals", "difficulty": 7, "cf_rating": rating,
     "public_tests": {"input": columns["inputs"][:1], "output": columns["outputs"][:1]},
     "private_tests": {"input": [], "output": []},
     "generated_tests": {"input": columns["inputs"][1:], "output": columns["outputs"][1:]},
     "solutions": {"language": [2, 3], "solution": ["int main", GOOD]}}
    for rating in (0, 1500)
])
# As convert_riegeli_to_json.py of the set's authors writes it.
with open("code_contests.json", "w") as f:
    f.write("[\n" + json.dumps({
        "source": 2, "name": "1_A. Capitals", "description": "Capitals", "difficulty": 7, "cf_rating": 1500,
        "solutions": [{"language": 2, "solution": "int main"}, {"language": 3, "solution": GOOD}], "incorrect_solutions": [],
        "public_tests": [{"input": i, "output": o} for i, o in CAPITALS[:1]], "private_tests": [],
        "generated_tests": [{"input": i, "output": o} for i, o in CAPITALS[1:]],
        "time_limit": "seconds: 2\nnanos: 500000000\n", "memory_limit_bytes": 256000000}) + "\n]")

write("deepcoder.jsonl", [
    {"problem": q, "tests": json.dumps(tests), "solutions": [f"```python\n{GOOD}```"], "starter_code": s, "metadata": m}
    for q, tests, s, m in (
        ("Capitals", columns, None, None),
        ("Capitals", stdin, "", {"func_name": None}),
        ("Capitals", [{"type": "stdin_stdout", "input": i, "output": o} for i, o in CAPITALS], "", {}),
        ("Pair", calls, "def pair(words, n):", None),
        ("Pair", functional, "def pair(words, n):", {"func_name": "pair"}),
        ("Pair", [{**c, "metadata": {"func_name": "pair"}} for c in functional], "def pair(words, n):", {}))
])

write("verl.jsonl", [
    {"data_source": "taco", "prompt": [{"role": "system", "content": "S"}, {"role": "user", "content": q}],
     "reward_model": {"style": "rule", "ground_truth": json.dumps(x)}, "extra_info": {"index": 0}}
    for q, x in (("Capitals", columns), ("Pair", calls))
])
