// The vocabulary hot loop: logits in, log p of the target, log-sum-exp, entropy and
// sum of squares out, and back to the gradient of the logits, in place. It is package
// logprob's, with its answers for -Inf, +Inf, NaN and what is out of range.
//
//	z = x / T    lse = log sum_j exp z_j    log p_j = z_j - lse    H = -sum_j p_j log p_j
//	x_j <- (g (1[j = target] - p_j) - e p_j (log p_j + H)) / T
//
// One block does a row, 16 bytes at a time and four of those in flight a thread, in one
// pass. Groups of 16 bytes are counted from the row's first element, wherever that
// stands, and group i is thread i's (mod 512): the sums of a row, and so its bits, do
// not depend on its address, its chunk or the grid.
//
// Memory and barriers: a row's sums meet in shared memory, in two copies that take
// turns, so that one barrier a row is enough; what a warp wrote for a row is read
// before the next row's barrier, and written again after it.

#include "common.cuh"

enum { THREADS = 512, WARPS = THREADS / WARP, FLIGHT = 4 };

// Codes of report, and of vocab.go.
enum { TARGET, IS_NAN, IS_INF, MASKED, GRADIENT, ENTROPY_GRADIENT, NO_LSE, NO_ENTROPY, OVERFLOWS, FOREIGN, SPOILT };

// 16 bytes of logits.
struct Group {
	uint32 w[4];
};

DEVICE Group load_once(const char *at) { // of memory that nobody writes
	Group v;
	asm volatile("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3]) : "l"(at));
	return v;
}

DEVICE Group load(const char *at) {
	Group v;
	asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3]) : "l"(at) : "memory");
	return v;
}

DEVICE void store(char *at, Group v) {
	asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(at), "r"(v.w[0]), "r"(v.w[1]), "r"(v.w[2]), "r"(v.w[3]) : "memory");
}

// The types of logits: how many a group holds, element i of one, the largest (at least
// one that is not NaN, if there is one), a group shifted down by an element with a new
// one at its top, and one element in memory.

struct F32 {
	enum { SIZE = 4, COUNT = 4 };
	static constexpr float LARGEST = 0x1.fffffep127f;
	DEVICE float get(const Group &v, int i) { return float32(v.w[i]); }
	DEVICE void set(Group &v, int i, float even, float odd) {
		v.w[2 * i] = bits32(even);
		v.w[2 * i + 1] = bits32(odd);
	}
	DEVICE float top(const Group &v) {
		return __builtin_fmaxf(__builtin_fmaxf(float32(v.w[0]), float32(v.w[1])), __builtin_fmaxf(float32(v.w[2]), float32(v.w[3])));
	}
	DEVICE float at(const char *p) { return *(const float *)p; }
	DEVICE void put(char *p, float x) { *(float *)p = x; }
	DEVICE void push(Group &v, const char *p, bool inside) {
		uint32 x = 0xff800000; // -Inf
		if (inside) x = *(const uint32 *)p;
		v.w[0] = v.w[1], v.w[1] = v.w[2], v.w[2] = v.w[3], v.w[3] = x;
	}
};

DEVICE void push16(Group &v, const char *p, bool inside, uint32 outside) {
	uint32 x = outside;
	if (inside) x = *(const unsigned short *)p;
	v.w[0] = v.w[0] >> 16 | v.w[1] << 16, v.w[1] = v.w[1] >> 16 | v.w[2] << 16;
	v.w[2] = v.w[2] >> 16 | v.w[3] << 16, v.w[3] = v.w[3] >> 16 | x << 16;
}

struct BF16 {
	enum { SIZE = 2, COUNT = 8 };
	static constexpr float LARGEST = 0x1.fep127f;
	DEVICE float get(const Group &v, int i) { return float32(i % 2 ? v.w[i / 2] & 0xffff0000 : v.w[i / 2] << 16); }
	DEVICE void set(Group &v, int i, float even, float odd) {
		asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(v.w[i]) : "f"(odd), "f"(even));
	}
	DEVICE uint32 larger(uint32 a, uint32 b) {
		uint32 m;
		asm("max.bf16x2 %0, %1, %2;" : "=r"(m) : "r"(a), "r"(b));
		return m;
	}
	DEVICE float top(const Group &v) {
		uint32 m = larger(larger(v.w[0], v.w[1]), larger(v.w[2], v.w[3]));
		return __builtin_fmaxf(float32(m << 16), float32(m & 0xffff0000));
	}
	DEVICE float at(const char *p) { return float32((uint32)*(const unsigned short *)p << 16); }
	DEVICE void put(char *p, float x) {
		uint32 both;
		asm("cvt.rn.bf16x2.f32 %0, %1, %1;" : "=r"(both) : "f"(x));
		*(unsigned short *)p = (unsigned short)both;
	}
	DEVICE void push(Group &v, const char *p, bool inside) { push16(v, p, inside, 0xff80); }
};

struct F16 {
	enum { SIZE = 2, COUNT = 8 };
	static constexpr float LARGEST = 65504;
	DEVICE float widen(unsigned short half) {
		float x;
		asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(half));
		return x;
	}
	DEVICE float get(const Group &v, int i) {
		unsigned short even, odd;
		asm("mov.b32 {%0, %1}, %2;" : "=h"(even), "=h"(odd) : "r"(v.w[i / 2]));
		return widen(i % 2 ? odd : even);
	}
	DEVICE void set(Group &v, int i, float even, float odd) {
		asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(v.w[i]) : "f"(odd), "f"(even));
	}
	DEVICE uint32 larger(uint32 a, uint32 b) {
		uint32 m;
		asm("max.f16x2 %0, %1, %2;" : "=r"(m) : "r"(a), "r"(b));
		return m;
	}
	DEVICE float top(const Group &v) {
		uint32 m = larger(larger(v.w[0], v.w[1]), larger(v.w[2], v.w[3]));
		Group both = {{m}};
		return __builtin_fmaxf(get(both, 0), get(both, 1));
	}
	DEVICE float at(const char *p) { return widen(*(const unsigned short *)p); }
	DEVICE void put(char *p, float x) {
		uint32 both;
		asm("cvt.rn.f16x2.f32 %0, %1, %1;" : "=r"(both) : "f"(x));
		*(unsigned short *)p = (unsigned short)both;
	}
	DEVICE void push(Group &v, const char *p, bool inside) { push16(v, p, inside, 0xfc00); }
};

// What Forward and Backward are told of the rows.
struct Matrix {
	char *x;
	int64 rows, cols, stride;
	const void *targets; // int32, or int64 if long_targets
	int64 long_targets;
	const unsigned char *mask;
	int64 first, total; // id of column 0, ids of all shards
};

// Where a row begins.
template <class T> DEVICE char *begin(const Matrix &m, int64 row) { return here(m.x + here(row) * m.stride * T::SIZE); }

// The target of a row as a column: -1 nowhere or in another shard, -2 out of range.
DEVICE int64 column(const Matrix &m, int64 row, int64 *id) {
	if (!m.targets) return -1;
	*id = m.long_targets ? ((const int64 *)m.targets)[row] : ((const int *)m.targets)[row];
	if (*id < 0 || *id >= m.total) return -2;
	int64 c = *id - m.first;
	return c < 0 || c >= m.cols ? -1 : c;
}

// An id for a report: all ones if it does not fit.
DEVICE uint32 narrow(int64 id) { return id == (int)id ? (uint32)id : ~0u; }

// d c, where 2^(d c) is exp(d/T): no less than what is as good as -Inf, 2^-1000 being 0.
DEVICE float exponent(float d, float c) { return max32(d * c, -1000); }

// Sums over logits relative to the largest of them, top: with c = log2(e)/T in float32
// and t = (x - top) c,
// s + rest = sum 2^t, w = sum 2^t t, q = sum 2^2t. None yet: s is 0. The rest is what s
// has lost by rounding, and what comes to s comes together by halves: beside one large p,
// roundings of many small and equal ones would add up.
struct Sums {
	float top, s, rest, w, q;

	// The same relative to a larger top.
	template <bool SQUARES> METHOD void raise(float larger, float c) {
		float shift = exponent(top - larger, c), f = exp2_approximate(shift);
		w = f * fma32(shift, s, w);
		s *= f;
		rest *= f;
		if (SQUARES) q *= f * f;
		top = larger;
	}

	template <class T, bool SQUARES> METHOD void add(const Group (&v)[FLIGHT], float c) {
		float larger = T::top(v[0]);
#pragma unroll
		for (int u = 1; u < FLIGHT; u++) larger = __builtin_fmaxf(larger, T::top(v[u]));
		if (larger > top) raise<SQUARES>(larger, c);
		float part[FLIGHT], w4 = 0, q4 = 0;
#pragma unroll
		for (int u = 0; u < FLIGHT; u++) {
			float e[T::COUNT], w8 = 0, q8 = 0;
#pragma unroll
			for (int i = 0; i < T::COUNT; i++) {
				float t = exponent(T::get(v[u], i) - top, c);
				e[i] = exp2_approximate(t);
				w8 = fma32(e[i], t, w8);
				if (SQUARES) q8 = fma32(e[i], e[i], q8);
			}
#pragma unroll
			for (int n = T::COUNT / 2; n > 0; n /= 2) {
#pragma unroll
				for (int i = 0; i < n; i++) e[i] += e[i + n];
			}
			part[u] = e[0];
			w4 += w8;
			if (SQUARES) q4 += q8;
		}
		float more = (part[0] + part[1]) + (part[2] + part[3]) + rest, sum = s + more;
		rest = more - (sum - s);
		s = sum;
		w += w4;
		if (SQUARES) q += q4;
	}
};

// Group i of a row that stands shift bytes after a multiple of 16, out of the two
// aligned groups a and b that hold it.
template <class T> DEVICE Group joined(Group a, Group b, uint32 shift) {
	uint32 w[8] = {a.w[0], a.w[1], a.w[2], a.w[3], b.w[0], b.w[1], b.w[2], b.w[3]};
	if (shift & 8) {
#pragma unroll
		for (int k = 0; k < 6; k++) w[k] = w[k + 2];
	}
	if (shift & 4) {
#pragma unroll
		for (int k = 0; k < 5; k++) w[k] = w[k + 1];
	}
	if (T::SIZE == 2 && shift & 2) {
#pragma unroll
		for (int k = 0; k < 4; k++) w[k] = w[k] >> 16 | w[k + 1] << 16;
	}
	return {{w[0], w[1], w[2], w[3]}};
}

// Groups i, i + 512, ... of a row, as far as they go; beyond the row they are -Inf.
// Those below from or at least to are read by elements, so that nothing beside the row is.
template <class T> DEVICE void load_row(Group (&v)[FLIGHT], const char *row, uint32 i, uint32 cols) {
	uint32 shift = (uint64)row & 15, from = shift != 0;
	uint32 ends = cols / T::COUNT + (cols % T::COUNT * T::SIZE + shift) / 16; // aligned groups that end with the row or before
	uint32 to = shift ? ends - (ends > 0) : ends;
	const char *at = row - shift + 16 * (uint64)i;
	if (i >= from && i + (FLIGHT - 1) * THREADS < to) {
		if (shift == 0) {
#pragma unroll
			for (int u = 0; u < FLIGHT; u++) v[u] = load_once(at + 16 * THREADS * u);
		} else {
#pragma unroll
			for (int u = 0; u < FLIGHT; u += 2) {
				Group a = load_once(at + 16 * THREADS * u), b = load_once(at + 16 * THREADS * u + 16);
				Group c = load_once(at + 16 * THREADS * (u + 1)), d = load_once(at + 16 * THREADS * (u + 1) + 16);
				v[u] = joined<T>(a, b, shift);
				v[u + 1] = joined<T>(c, d, shift);
			}
		}
		return;
	}
#pragma unroll
	for (int u = 0; u < FLIGHT; u++) {
		uint32 k = i + u * THREADS;
		if (k >= from && k < to) {
			v[u] = load_once(at + 16 * THREADS * u);
			if (shift) v[u] = joined<T>(v[u], load_once(at + 16 * THREADS * u + 16), shift);
		} else {
			v[u] = {{0, 0, 0, 0}};
#pragma unroll 1
			for (uint32 j = k * T::COUNT; j < (k + 1) * T::COUNT; j++) T::push(v[u], row + (uint64)j * T::SIZE, j < cols);
		}
	}
}

// Where Forward writes; 0 is not wanted.
struct Outputs {
	float *logp;
	double *lse;
	float *entropy, *squares;
};

DEVICE void write(const Outputs &o, int64 row, double logp, double lse, double entropy, double squares) {
	if (o.logp) o.logp[row] = (float)logp;
	if (o.lse) o.lse[row] = lse;
	if (o.entropy) o.entropy[row] = (float)entropy;
	if (o.squares) o.squares[row] = (float)squares;
}

DEVICE double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; } // NaN stays

// logprob.Partial in device memory.
struct Partial {
	double max, sum, weighted, squares, target;
	int64 found;

	METHOD void finish(const Outputs &o, int64 row) const {
		double l = log64(sum), h = l - weighted / sum;
		write(o, row, found ? clamp(target - max - l, -infinity64(), 0) : -infinity64(), max + l,
			  h < 1e-29 ? 0 : h, clamp(squares / sum / sum, 0, 1));
	}
};

// The first logit that is NaN or +Inf, for the error of a row whose sums say that there
// is one. One warp looks.
template <class T> DEVICE void find(const Matrix &m, int64 row, int lane, uint64 *slot) {
	const char *x = begin<T>(m, row);
	uint32 at = ~0u;
	for (int64 j = lane; j < m.cols; j += WARP) {
		if (!(T::at(x + j * T::SIZE) < infinity32()) && (uint32)j < at) at = (uint32)j;
	}
#pragma unroll
	for (int k = WARP / 2; k > 0; k /= 2) {
		uint32 other = exchange(at, k);
		at = other < at ? other : at;
	}
	if (lane == 0) {
		if (at == ~0u)
			report(slot, row, SPOILT, 0);
		else
			report(slot, row, T::at(x + (int64)at * T::SIZE) == infinity32() ? IS_INF : IS_NAN, narrow(at + m.first));
	}
}

// The sums of a warp for a row.
struct WarpSums {
	double s;
	float top, w, q;
};
SHARED WarpSums forward_sums[2][WARPS];

// What the row comes to, from its warps' sums. All lanes of one warp do it.
template <class T, bool SQUARES>
DEVICE void conclude(const Matrix &m, const Outputs &o, Partial *partials, uint64 *slot, const WarpSums (&sums)[WARPS], int64 row, int lane,
					 double temperature, int64 id, int64 target, float logit) {
	WarpSums part = sums[lane % WARPS];
	float top = part.top;
#pragma unroll
	for (int k = WARPS / 2; k > 0; k /= 2) top = __builtin_fmaxf(top, exchange(top, k));
	double shift = ((double)part.top - top) / temperature, f = exp64(shift);
	double s = f * part.s, w = f * (part.w * 0x1.62e42fefa39efp-1 + shift * part.s), q = SQUARES ? f * f * part.q : 0;
#pragma unroll
	for (int k = WARPS / 2; k > 0; k /= 2) {
		s += exchange(s, k);
		w += exchange(w, k);
		if (SQUARES) q += exchange(q, k);
	}
	if (target == -2 || !(s < infinity64())) {
		if (target != -2)
			find<T>(m, row, lane, slot);
		else if (lane == 0)
			report(slot, row, TARGET, narrow(id));
		if (lane == 0) {
			write(o, row, nan64(), nan64(), nan64(), nan64());
			if (SQUARES && partials) partials[row] = {0, nan64(), 0, 0, 0, 1};
		}
		return;
	}
	if (lane != 0) return;
	Partial p = {top / temperature, s, w, q, logit / temperature, target >= 0};
	if (s == 0) p.max = 0;
	if (SQUARES && partials) {
		partials[row] = p;
		return;
	}
	if (s == 0) {
		report(slot, row, MASKED, 0);
		write(o, row, nan64(), nan64(), nan64(), nan64());
		return;
	}
	p.finish(o, row);
}

template <class T, bool SQUARES>
DEVICE void forward(const Matrix &m, double temperature, float c, uint64 *slot, const Outputs &o, Partial *partials) {
	int thread = THREAD, lane = thread % WARP, turn = 0;
	for (int64 row = BLOCK; row < m.rows; row += GRID) {
		if (m.mask && !m.mask[row]) {
			if (thread == 0) {
				write(o, row, 0, 0, 0, 0);
				if (SQUARES && partials) partials[row] = {0, 0, 0, 0, 0, 0};
			}
			continue;
		}
		const char *x = begin<T>(m, row);
		Sums a = {-0x1.fffffep127f, 0, 0, 0, 0};
		uint32 cols = (uint32)here(m.cols), groups = (cols + T::COUNT - 1) / T::COUNT;
		for (uint32 i = thread; i < groups; i += FLIGHT * THREADS) {
			Group v[FLIGHT];
			load_row<T>(v, x, i, cols);
			a.add<T, SQUARES>(v, c);
		}
		int64 id = 0, target = -1;
		float logit = 0;
		if (thread < WARP) { // early, since it takes a while
			target = column(m, row, &id);
			if (target >= 0) logit = T::at(begin<T>(m, row) + target * T::SIZE);
		}
		float top = a.top;
#pragma unroll
		for (int k = WARP / 2; k > 0; k /= 2) top = __builtin_fmaxf(top, exchange(top, k));
		a.raise<SQUARES>(top, c);
		WarpSums sums = {(double)a.s + a.rest, top, a.w, a.q};
#pragma unroll
		for (int k = WARP / 2; k > 0; k /= 2) {
			sums.s += exchange(sums.s, k);
			sums.w += exchange(sums.w, k);
			if (SQUARES) sums.q += exchange(sums.q, k);
		}
		if (lane == 0) forward_sums[turn][thread / WARP] = sums;
		BARRIER();
		if (thread < WARP) conclude<T, SQUARES>(m, o, partials, slot, forward_sums[turn], row, (int)here((uint32)lane), temperature, id, target,
													  logit);
		turn ^= 1;
	}
}

// Backward's row: x_j <- 2^t (constant + slope d) with d = x_j - reference and t = d c.
struct Row {
	float reference, constant, slope;
	METHOD float gradient(float x, float c, float low, float *total) const {
		float d = max32(x - reference, low); // masked: as good as -Inf
		float p = exp2_approximate(d * c);
		*total += p;
		return p * fma32(slope, d, constant);
	}
};

// Fill a row with 0, as its gradient is laid out: what a thread fills it has written.
template <class T> DEVICE void zero(char *x, uint32 head, uint32 groups, uint32 cols, uint32 thread) {
	Group none = {{0, 0, 0, 0}};
	char *body = x + head * T::SIZE;
	for (uint32 i = thread; i < groups; i += THREADS) store(body + 16 * (uint64)i, none);
	if (thread < head) T::put(x + thread * T::SIZE, 0);
	uint32 j = head + groups * T::COUNT + thread;
	if (j < cols) T::put(x + (uint64)j * T::SIZE, 0);
}

SHARED float backward_sums[2][WARPS];

template <class T>
DEVICE void backward(const Matrix &m, double temperature, float c, uint64 *slot, const double *lse, const float *entropy,
					 const float *g, const float *e) {
	uint32 thread = THREAD, lane = thread % WARP, turn = 0;
	float lowest = -1000 / c;
	double inverse = 1 / temperature;
	for (int64 row = BLOCK; row < m.rows; row += GRID) {
		char *x = begin<T>(m, row);
		// Groups that begin at multiples of 16, the elements before them, and after.
		uint32 cols = (uint32)here(m.cols), head = (uint32)(-(uint64)x & 15) / T::SIZE;
		head = head < cols ? head : cols;
		uint32 groups = (cols - head) / T::COUNT;

		int64 id = 0, target = -1;
		float gr = g ? g[row] : 0, er = e ? e[row] : 0, hr = 0;
		double l = 0;
		int why = -1;
		uint32 detail = 0;
		bool read = (!m.mask || m.mask[row]) && !(gr == 0 && er == 0);
		if (read) {
			l = lse[row];
			hr = er != 0 ? entropy[row] : 0;
			target = column(m, row, &id);
			float bound = (__builtin_fabsf(gr) + __builtin_fabsf(er) * (1 + __builtin_fabsf(hr))) * (float)inverse;
			if (!finite32(gr))
				why = GRADIENT, detail = bits32(gr);
			else if (!finite32(er))
				why = ENTROPY_GRADIENT, detail = bits32(er);
			else if (!finite64(l))
				why = NO_LSE, detail = bits32((float)l);
			else if (!finite32(hr))
				why = NO_ENTROPY, detail = bits32(hr);
			else if (!(bound < T::LARGEST))
				why = OVERFLOWS, detail = bits32(bound);
			else if (target == -2)
				why = TARGET, detail = narrow(id);
		}
		if (!read || why >= 0) {
			if (thread == 0 && why >= 0) report(slot, row, why, detail);
			zero<T>(x, head, groups, cols, thread);
			continue;
		}

		// The target's element, by the thread that overwrites it, before that.
		bool owns = false;
		float own = 0;
		if (target >= 0) {
			uint32 at = (uint32)target, body = at - head;
			uint32 owner = at < head ? at : body < groups * T::COUNT ? body / T::COUNT % THREADS : body - groups * T::COUNT;
			if (owner == thread) {
				double logp = T::at(x + target * T::SIZE) / temperature - l, p = exp64(logp);
				owns = logp > -infinity64(); // masked: not a variable
				own = (float)((gr * (1 - p) - er * p * (logp + hr)) * inverse);
			}
		}

		// p_j = 2^(d c) exp(-rest) with d = x_j - reference, and the rest is small.
		Row r;
		r.reference = (float)clamp(l * temperature, -0x1.fffffep127, 0x1.fffffep127);
		float rest = (float)(l - r.reference * inverse), scale = exp2_approximate(-rest * 0x1.715476p0f);
		r.constant = -scale * fma32(er, hr - rest, gr) * (float)inverse;
		r.slope = -scale * er * (float)inverse * (float)inverse;

		float total = 0;
		char *body = x + head * T::SIZE;
		for (uint32 i = thread; i < groups; i += FLIGHT * THREADS) {
			char *at = body + 16 * (uint64)i;
			Group v[FLIGHT];
#pragma unroll
			for (int u = 0; u < FLIGHT; u++)
				if (i + u * THREADS < groups) v[u] = load(at + 16 * THREADS * u);
#pragma unroll
			for (int u = 0; u < FLIGHT; u++) {
				if (i + u * THREADS >= groups) break;
				Group d;
#pragma unroll
				for (int k = 0; k < T::COUNT / 2; k++) {
					float even = r.gradient(T::get(v[u], 2 * k), c, lowest, &total);
					T::set(d, k, even, r.gradient(T::get(v[u], 2 * k + 1), c, lowest, &total));
				}
				store(at + 16 * THREADS * u, d);
			}
		}
		if (thread < head) {
			char *at = x + thread * T::SIZE;
			T::put(at, r.gradient(T::at(at), c, lowest, &total));
		}
		uint32 j = head + groups * T::COUNT + thread;
		if (j < cols) {
			char *at = x + (uint64)j * T::SIZE;
			T::put(at, r.gradient(T::at(at), c, lowest, &total));
		}
		if (owns) T::put(x + target * T::SIZE, own);

		// If the probabilities are not those of a row, it gets no gradient.
#pragma unroll
		for (int k = WARP / 2; k > 0; k /= 2) total += exchange(total, k);
		if (lane == 0) backward_sums[turn][thread / WARP] = total;
		BARRIER();
		total = 0;
#pragma unroll
		for (int k = 0; k < WARPS; k++) total += backward_sums[turn][k];
		total *= scale;
		turn ^= 1;
		if (!(total < 1.1f) || (m.total == m.cols && total < 0.9f)) {
			if (thread == 0) report(slot, row, total == total ? FOREIGN : SPOILT, bits32(total));
			zero<T>(x, head, groups, cols, thread);
		}
	}
}

#define COMMON                                                                                                               \
	char *x, int64 rows, int64 cols, int64 stride, const void *targets, int64 long_targets, const unsigned char *mask,       \
		int64 first, int64 total, double temperature, double c, uint64 *slot
#define MATRIX {x, rows, cols, stride, targets, long_targets, mask, first, total}

#define FORWARD(name, T, SQUARES)                                                                                            \
	KERNEL(THREADS, 2) name(COMMON, float *logp, double *lse, float *entropy, float *squares, Partial *partials) {           \
		forward<T, SQUARES>(MATRIX, temperature, (float)c, slot, {logp, lse, entropy, squares}, partials);                  \
	}
#define BACKWARD(name, T)                                                                                                    \
	KERNEL(THREADS, 2) name(COMMON, const double *lse, const float *entropy, const float *g, const float *e) {               \
		backward<T>(MATRIX, temperature, (float)c, slot, lse, entropy, g, e);                                               \
	}

FORWARD(forward_f32, F32, false)
FORWARD(forward_bf16, BF16, false)
FORWARD(forward_f16, F16, false)
FORWARD(forward_squares_f32, F32, true)
FORWARD(forward_squares_bf16, BF16, true)
FORWARD(forward_squares_f16, F16, true)
BACKWARD(backward_f32, F32)
BACKWARD(backward_bf16, BF16)
BACKWARD(backward_f16, F16)

// logprob's Merge over shards in their order, and Finish; a thread a row.
KERNEL(128) finish(const Partial *partials, int64 shards, int64 rows, const unsigned char *mask, float *logp, double *lse, float *entropy,
				   float *squares, uint64 *slot) {
	Outputs o = {logp, lse, entropy, squares};
	for (int64 row = BLOCK * 128 + THREAD; row < rows; row += GRID * 128) {
		if (mask && !mask[row]) {
			write(o, row, 0, 0, 0, 0);
			continue;
		}
		Partial p = {0, 0, 0, 0, 0, 0};
		for (int64 k = 0; k < shards; k++) {
			Partial q = partials[k * rows + row];
			if (q.found) p.target = q.target, p.found = 1;
			if (q.sum == 0) continue;
			double top = p.sum == 0 || p.max < q.max ? q.max : p.max;
			double a = p.max - top, b = q.max - top, f = p.sum == 0 ? 0 : exp64(a), h = exp64(b);
			p.weighted = (f == 0 ? 0 : f * (p.weighted + a * p.sum)) + (h == 0 ? 0 : h * (q.weighted + b * q.sum));
			p.sum = f * p.sum + h * q.sum;
			p.squares = f * f * p.squares + h * h * q.squares;
			p.max = top;
		}
		if (p.sum > 0 && p.sum < infinity64()) {
			p.finish(o, row);
			continue;
		}
		write(o, row, nan64(), nan64(), nan64(), nan64());
		report(slot, row, p.sum == 0 ? MASKED : SPOILT, 0);
	}
}
