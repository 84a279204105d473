# Honest: modules and names used without an import
# Prints: [3] 4.0 1 6 [1, 3] 2 True 2 inf\n{"a": 1}\n1 2020 [None] 0123456789 ab\n
d = defaultdict(list)
heapq.heappush(d[0], 3)
print(d[0], sqrt(16), bisect_left([1, 2], 2), reduce(add, [1, 2, 3]), list(accumulate([1, 2])), Counter("aa")["a"], maxsize > 0, gcd(4, 6), inf)
stdout.write(json.dumps({"a": 1}) + "\n")
x: List[Optional[int]] = [None]
print(random.randint(1, 1), datetime.datetime(2020, 1, 1).year, copy.deepcopy(x), string.digits, ascii_lowercase[:2])
