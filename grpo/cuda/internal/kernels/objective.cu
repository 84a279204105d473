// The per-token objective: package grpo's engine, operation by operation, on float64.
//
//   L = sum_i Share_i sum_t w_t l(LogRatio_t, A_t)  +  KL  -  Entropy
//   g_t = Share_i (w_t l'_t through the level) + Coefficient Share_KL k'_t
//
// One block is one response, whatever the grid, and its sums run in the order of
// grpo's: nothing depends on how a step is cut. Where all numbers are what they are on
// the host (exp is the same polynomial), so are the gradient's bits.
//
// A number that is not comfortably finite makes the response odd. The host then
// evaluates the batch itself, and names the value; the kernel decides nothing.
//
// Rule, Response and Sums are the Go structs of objective.go: words of 8 bytes.

#include "common.cuh"

// Levels, estimators, modes: the numbers of grpo's constants.
enum { TOKEN, SEQUENCE, SEQUENCE_TOKEN, PRODUCT, PRODUCT_TOKEN };
enum { K3, K1, ABS_K1, K2 };
enum { NO_FACTOR, DIFFERENTIABLE, DETACHED, GRADIENT_ONLY };
// Surrogates and weights: the numbers of objective.go.
enum { LINEAR, CLIP, CISPO, SAPO, REINFORCE };
enum { MISMATCH, SIGN_WEIGHT, POSITION_WEIGHT, GATE };

typedef uint64 __attribute__((may_alias)) word;

struct Clamp {
	double low, high; // 0: no bound
	int64 pessimistic;
};

struct Surrogate {
	int64 kind;
	double a, b, c; // CLIP 1-Low, 1+High, Cap; CISPO Min, Max; SAPO Positive, Negative
};

struct Weight {
	int64 kind, level;
	int64 mask;         // MISMATCH: Mode Mask; GATE: Any
	int64 current;      // GATE: of current over anchor, not of old over rollout
	double a, b, bound; // MISMATCH and GATE Low, High; SIGN_WEIGHT Positive, Negative; POSITION_WEIGHT First, Last
};

enum { MAX_WEIGHTS = 4 };

struct Rule {
	const void *logp, *anchor;     // [T] F; the anchor is one of the batch's columns
	const void *over, *under;      // [T] F, MISMATCH and GATE: old and rollout
	const void *other, *factor_of; // [T] F, the KL's
	const void *entropies;         // [T] F
	const void *advantages;        // [T] F, or none: the response's
	void *gradient, *entropy_gradient, *losses; // [T] F, or none

	int64 level;
	Clamp clamp, cap;
	Surrogate positive, negative; // where A > 0, and elsewhere
	int64 detached;               // the bounds of the ratio don't stop the gradient
	int64 weights;
	Weight weight[MAX_WEIGHTS];

	double kl; // coefficient; 0: none
	int64 estimator, straight_through, factor, factor_level;
	double factor_cap, input_bound, output_bound;

	double entropy; // coefficient; 0: none
	double scale;
	int64 add;
};

struct Response {
	int64 from;  // its first row
	int64 n;     // counted tokens, > 0
	int64 index; // of its first counted token in rows; -1: they are consecutive
	double advantage, share;
	double kl_slope, entropy_slope; // coefficient times the term's own share
};

struct Sums {
	double loss, kl, entropy;
	double ratio, ratio_squared, k1, k2, k3, ratio_min, ratio_max;
	double weight, weight_squared;
	int64 tallies[6]; // ZERO_WEIGHTS ... ODD, below
};

// The columns of a chunk of tokens, and what is summed of them: in the order of grpo's
// package pass, token t in lane t mod 8, all but WEIGHTED, which is added token by token.
enum { LOSS, DLOSS, KL, ENTROPY, RATIO, LOG_RATIO, KL3, WEIGHT, WEIGHTED, COLUMNS };
enum { RATIO_SQUARED = WEIGHT + 1, KL2, WEIGHT_SQUARED, BY_LANES };
// The columns of the pass before, where what tokens share comes from.
enum { RATIOS, FACTORS, VETOES, MISMATCHES, SHARES };

// A block: CHUNK threads compute a token each and add up by lanes, while the first of a
// warp of its own adds the chunk before token by token.
enum { CHUNK = 128, STRIDE = CHUNK + 4, THREADS = CHUNK + WARP };

// What tokens are counted for: held at a bound by side and sign of the advantage, ...
enum { ZERO_WEIGHTS, LOW_NEGATIVE, LOW_POSITIVE, HIGH_NEGATIVE, HIGH_POSITIVE, ODD, TALLIES };

struct Token {
	double d, own; // log-ratio of the token, and its exp
	double ratio, loss, dloss, weight;
	double kl, kl_slope, weighted, entropy;
	bool inside, odd;
	int held; // LOW_NEGATIVE ... HIGH_POSITIVE; 0: no
};

DEVICE double fabs64(double x) { return __builtin_fabs(x); }

// odd reports a number that the host should look at: NaN, infinite, or so large that a
// sum of them may overflow. It is asked where a bound, a comparison or an exp could hide
// such a number; all others show in the gradient, and in the sums that the host reads.
DEVICE bool odd(double x) { return !(fabs64(x) <= 1e250); }

DEVICE double clamp(const Clamp &c, double d, double advantage, bool *inside) {
	if (c.high != 0 && d > c.high && !(c.pessimistic && advantage < 0)) {
		*inside = false;
		return c.high;
	}
	if (c.low != 0 && d < c.low && !(c.pessimistic && advantage >= 0)) {
		*inside = false;
		return c.low;
	}
	return d;
}

DEVICE bool on(const Clamp &c) { return c.low != 0 || c.high != 0; }

// surrogate is the loss of one token and its derivative, and whether the rule holds its
// ratio at a bound.
DEVICE bool surrogate(const Surrogate &s, double ratio, double a, double logp, double *loss, double *dloss) {
	double l = 0, d = 0;
	bool held = false;
	switch (s.kind) {
	case LINEAR:
		if (a != 0)
			l = d = -ratio * a;
		held = d == 0;
		break;
	case CLIP:
		if (a > 0) {
			if (ratio <= s.b)
				l = d = -ratio * a;
			else
				l = -s.b * a;
		} else if (a < 0) {
			if (ratio < s.a)
				l = -s.a * a;
			else if (s.c != 0 && ratio > s.c)
				l = -s.c * a;
			else
				l = d = -ratio * a;
		}
		held = d == 0;
		break;
	case CISPO: {
		double w = ratio < s.a ? s.a : ratio;
		w = w > s.b ? s.b : w;
		if (a != 0) {
			d = -w * a;
			l = d * logp;
		}
		held = ratio < s.a || ratio > s.b;
		break;
	}
	case SAPO:
		if (a != 0) {
			double tau = a > 0 ? s.a : s.b;
			double e = exp64(tau * (1 - ratio));
			double gate = 1 / (1 + e);
			l = -4 / tau * gate * a;
			d = -4 * gate * gate * e * ratio * a;
		}
		break;
	default: // REINFORCE
		if (a != 0) {
			d = -a;
			l = d * logp;
		}
	}
	*loss = l;
	*dloss = d;
	return held;
}

// mismatch is the weight of a log-weight.
DEVICE double mismatch(const Weight &m, double d) {
	if (m.bound != 0) {
		d = d < -m.bound ? -m.bound : d;
		d = d > m.bound ? m.bound : d;
	}
	double x = exp64(d);
	if (m.b != 0 && x > m.b)
		return m.mask ? 0 : m.b;
	if (m.a != 0 && x < m.a)
		return m.mask ? 0 : m.a;
	return x;
}

// keeps reports whether a gate's ratio, by its logarithm, is within bounds.
DEVICE bool keeps(const Weight &g, double d) {
	double x = exp64(d);
	return x >= g.a && (g.b == 0 || x <= g.b);
}

// kl is the estimate at x and its derivative.
DEVICE double kl(const Rule *rule, double difference, double *slope) {
	double x = difference, value, d, bound = rule->input_bound;
	bool inside = !(bound > 0 && fabs64(x) > bound);
	if (!inside)
		x = x < 0 ? -bound : bound;
	switch (rule->estimator) {
	case K1:
		value = -x;
		d = 1;
		break;
	case ABS_K1:
		value = fabs64(x);
		d = x > 0 ? -1 : x < 0 ? 1 : 0;
		break;
	case K2:
		value = 0.5 * x * x;
		d = -x;
		break;
	default: // K3
		value = excess(x, &d);
	}
	if (rule->straight_through)
		d = -x;
	bound = rule->output_bound;
	if (bound > 0 && fabs64(value) > bound) {
		value = value < 0 ? -bound : bound;
		d = 0;
	}
	*slope = inside ? d : 0;
	return value;
}

// Columns of the batch are F, and float64 from here on.
template <typename F> DEVICE double load(const void *column, int64 row) { return (double)((const F *)column)[row]; }

template <typename F> DEVICE void store(void *column, int64 row, double x, int64 add) {
	F *at = (F *)column + row;
	*at = add ? (F)((double)*at + x) : (F)x;
}

// whole is what a response's tokens share: the results of the pass before.
struct Whole {
	double log_ratio, mismatch, factor; // mismatch: the sum
	bool vetoed;                        // a token is outside of a gate that asks for all
};

// difference is the log-ratio of a token that a weight looks at; d is the objective's.
template <typename F> DEVICE double difference(const Rule *rule, const Weight &w, int64 row, double d) {
	return w.current ? d : load<F>(rule->over, row) - load<F>(rule->under, row);
}

// evaluate computes counted token t of a response, which is in this row.
template <typename F> DEVICE Token evaluate(const Rule *rule, const Response &r, const Whole &whole, int64 t, int64 row) {
	Token k;
	double logp = load<F>(rule->logp, row);
	double a = rule->advantages ? load<F>(rule->advantages, row) : r.advantage;
	k.d = logp - load<F>(rule->anchor, row);
	k.odd = odd(a) || odd(k.d);
	k.inside = true;
	double q = clamp(rule->clamp, k.d, a, &k.inside);
	double x = rule->level == TOKEN ? q : whole.log_ratio;
	x = clamp(rule->cap, x, a, &k.inside);
	k.ratio = exp64(x);
	k.own = rule->level == TOKEN && !on(rule->clamp) && !on(rule->cap) ? k.ratio : exp64(k.d);
	k.odd |= odd(k.ratio);

	bool held = surrogate(a > 0 ? rule->positive : rule->negative, k.ratio, a, logp, &k.loss, &k.dloss);
	k.held = 0;
	if (held || !k.inside) {
		const double side = q != k.d ? k.d : x, p = side * a;
		if (p < 0 || p > 0)
			k.held = side < 0 ? (a < 0 ? LOW_NEGATIVE : LOW_POSITIVE) : (a < 0 ? HIGH_NEGATIVE : HIGH_POSITIVE);
	}

	k.weight = 1;
	for (int64 i = 0; i < rule->weights; i++) {
		const Weight &w = rule->weight[i];
		if (w.kind == SIGN_WEIGHT) {
			if (a > 0)
				k.weight *= w.a;
			else if (a < 0)
				k.weight *= w.b;
		} else if (w.kind == POSITION_WEIGHT) {
			int64 last = r.n > 1 ? r.n - 1 : 1;
			k.weight *= w.a + (w.b - w.a) * (double)t / (double)last;
		} else {
			double d = whole.mismatch;
			if (w.level == SEQUENCE)
				d /= (double)r.n;
			if (w.level == TOKEN)
				d = difference<F>(rule, w, row, k.d);
			k.odd |= odd(d);
			if (w.kind == MISMATCH)
				k.weight *= mismatch(w, d);
			else if (!keeps(w, d))
				k.weight = 0;
		}
	}
	if (whole.vetoed)
		k.weight = 0;
	if (rule->weights) {
		k.loss = k.weight == 0 ? 0 : k.loss * k.weight;
		k.dloss = k.weight == 0 ? 0 : k.dloss * k.weight;
	}

	k.kl = k.kl_slope = k.weighted = 0;
	if (rule->kl != 0) {
		double difference = load<F>(rule->other, row) - logp;
		k.odd |= odd(difference);
		k.kl = kl(rule, difference, &k.kl_slope);
		if (rule->factor != NO_FACTOR) {
			double d = rule->factor_level == SEQUENCE ? whole.factor : logp - load<F>(rule->factor_of, row);
			k.odd |= odd(d);
			double f = exp64(d);
			bool live = !(rule->factor_cap > 0 && f > rule->factor_cap);
			if (!live)
				f = rule->factor_cap;
			k.kl_slope *= f;
			if (rule->factor != GRADIENT_ONLY)
				k.kl *= f;
			if (rule->factor == DIFFERENTIABLE && live) {
				if (rule->factor_level == SEQUENCE)
					k.weighted = k.kl;
				else
					k.kl_slope += k.kl;
			}
		}
		k.odd |= odd(k.kl_slope);
	}
	k.entropy = 0;
	if (rule->entropy != 0)
		k.entropy = load<F>(rule->entropies, row);
	return k;
}

// lane adds every STEP-th of a chunk's n numbers, from one on.
template <int STEP> DEVICE double lane(double sum, const double *x, int64 n, int64 from) {
	for (int64 i = from; i < n; i += STEP)
		sum += x[i];
	return sum;
}

// squares is lane of the numbers' squares.
DEVICE double squares(double sum, const double *x, int64 n, int64 from) {
	for (int64 i = from; i < n; i += 8)
		sum = fma64(x[i], x[i], sum);
	return sum;
}

// total is the sum of eight lanes, and total4 of four.
DEVICE double total(const double *l) { return ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7])); }
DEVICE double total4(const double *l) { return (l[0] + l[1]) + (l[2] + l[3]); }

// What a block works with. Chunks alternate between two sets of columns, so that one
// barrier a chunk is enough.
struct Scratch {
	Rule rule;
	double column[2][COLUMNS][STRIDE];
	double lanes[BY_LANES][8], weighted;
	double low[CHUNK], high[CHUNK];
	int64 tallies[TALLIES][CHUNK];
};

DEVICE int64 row_of(const Response &r, const int64 *rows, int64 t) { return r.index < 0 ? r.from + t : rows[r.index + t]; }

// chunk_of is how many of a response's tokens the chunk at start has.
DEVICE int64 chunk_of(const Response &r, int64 start) { return r.n - start < CHUNK ? r.n - start : CHUNK; }

// before is the pass that finds what the tokens of a response share.
template <typename F> DEVICE Whole before(Scratch &s, const Response &r, const int64 *rows, bool mismatches, bool vetoes, bool factors) {
	const Rule *rule = &s.rule;
	const int thread = THREAD, of = thread >> 3;
	double sum = 0;
	int buffer = 0;
	for (int64 start = 0; start < r.n; start += CHUNK, buffer ^= 1) {
		const int64 t = start + thread, n = chunk_of(r, start);
		if (thread < n) {
			const int64 row = row_of(r, rows, t);
			const double logp = load<F>(rule->logp, row);
			const double a = rule->advantages ? load<F>(rule->advantages, row) : r.advantage;
			const double d = logp - load<F>(rule->anchor, row);
			bool inside, vetoed = false;
			for (int64 i = 0; vetoes && i < rule->weights; i++) {
				const Weight &w = rule->weight[i];
				vetoed |= w.kind == GATE && w.mask && !keeps(w, difference<F>(rule, w, row, d));
			}
			s.column[buffer][RATIOS][thread] = clamp(rule->clamp, d, a, &inside);
			s.column[buffer][VETOES][thread] = vetoed;
			s.column[buffer][MISMATCHES][thread] = mismatches ? load<F>(rule->over, row) - load<F>(rule->under, row) : 0;
			s.column[buffer][FACTORS][thread] = factors ? logp - load<F>(rule->factor_of, row) : 0;
		}
		BARRIER();
		if (of < MISMATCHES)
			sum = lane<8>(sum, s.column[buffer][of], n, thread & 7);
		else if (of == MISMATCHES && (thread & 7) < 4) // in grpo, four lanes
			sum = lane<4>(sum, s.column[buffer][of], n, thread & 7);
	}
	if (of < SHARES)
		s.lanes[of][thread & 7] = sum;
	BARRIER();
	Whole whole = {total(s.lanes[RATIOS]), total4(s.lanes[MISMATCHES]), total(s.lanes[FACTORS]) / (double)r.n, total(s.lanes[VETOES]) > 0};
	if (rule->level == SEQUENCE || rule->level == SEQUENCE_TOKEN)
		whole.log_ratio /= (double)r.n;
	return whole;
}

// put writes what is wanted of a token, and returns whether its gradient is one.
template <typename F> DEVICE bool put(const Rule *rule, const Response &r, const Token &k, int64 row, double share, double dloss) {
	double g = share * (k.inside || rule->detached ? dloss : 0);
	if (rule->kl != 0)
		g = fma64(r.kl_slope * rule->scale, k.kl_slope, g);
	if (rule->gradient)
		store<F>(rule->gradient, row, g, rule->add);
	if (rule->entropy_gradient && rule->entropy != 0)
		store<F>(rule->entropy_gradient, row, r.entropy_slope * rule->scale, rule->add);
	if (rule->losses) {
		double l = k.loss;
		if (rule->kl != 0)
			l += rule->kl * k.kl;
		if (rule->entropy != 0)
			l -= rule->entropy * k.entropy;
		store<F>(rule->losses, row, l, rule->add);
	}
	return !odd((double)(F)g);
}

template <typename F>
DEVICE void objective(const Rule *__restrict__ given, const Response *__restrict__ responses, const int64 *__restrict__ rows, Sums *__restrict__ sums, int64 count) {
	SHARED Scratch s;
	const int thread = THREAD, of = thread >> 3;
	for (int j = thread; j < (int)(sizeof(Rule) / sizeof(word)); j += THREADS)
		((word *)&s.rule)[j] = ((const word *)given)[j];
	BARRIER();
	const Rule *rule = &s.rule;
	const bool factors = rule->kl != 0 && rule->factor != NO_FACTOR && rule->factor_level == SEQUENCE;
	const bool by_lanes = of < BY_LANES, by_token = thread == CHUNK;
	const bool shared = rule->level == SEQUENCE || rule->level == PRODUCT;
	const int passes = shared || factors && rule->factor == DIFFERENTIABLE ? 2 : 1; // a gradient that waits for sums
	bool mismatches = false, vetoes = false;
	for (int64 i = 0; i < rule->weights; i++) {
		const Weight &w = rule->weight[i];
		mismatches |= (w.kind == MISMATCH || w.kind == GATE) && w.level != TOKEN;
		vetoes |= w.kind == GATE && w.mask;
	}

	for (int64 i = BLOCK; i < count; i += GRID) {
		const Response r = responses[i];
		Whole whole = {0, 0, 0, false};
		if (rule->level != TOKEN || mismatches || vetoes || factors)
			whole = before<F>(s, r, rows, mismatches, vetoes, factors);

		double sum = 0, low = 0, high = 0;
		double pull = 0, factor_pull = 0; // what each token gets of the response's derivatives
		int64 tally[TALLIES];
#pragma unroll
		for (int j = 0; j < TALLIES; j++)
			tally[j] = 0;
		for (int pass = 1; pass <= passes; pass++) {
			int buffer = 0;
			for (int64 start = 0; start < r.n; start += CHUNK, buffer ^= 1) {
				const int64 t = start + thread, n = chunk_of(r, start);
				if (thread < n) {
					const int64 row = row_of(r, rows, t);
					Token k = evaluate<F>(rule, r, whole, t, row);
					if (pass == 1) {
						tally[ZERO_WEIGHTS] += k.weight == 0;
#pragma unroll
						for (int j = LOW_NEGATIVE; j <= HIGH_POSITIVE; j++)
							tally[j] += k.held == j;
						tally[ODD] += k.odd;
						low = start == 0 || k.ratio < low ? k.ratio : low;
						high = start == 0 || k.ratio > high ? k.ratio : high;
						double (*x)[STRIDE] = s.column[buffer];
						x[LOSS][thread] = k.loss;
						x[DLOSS][thread] = k.dloss;
						x[KL][thread] = k.kl;
						x[ENTROPY][thread] = k.entropy;
						x[RATIO][thread] = k.ratio;
						x[LOG_RATIO][thread] = k.d;
						x[KL3][thread] = k.own - 1 - k.d;
						x[WEIGHT][thread] = k.weight;
						x[WEIGHTED][thread] = k.weighted;
					}
					if (pass == passes) {
						if (factor_pull != 0)
							k.kl_slope += factor_pull;
						tally[ODD] += !put<F>(rule, r, k, row, shared ? rule->scale : r.share * rule->scale, shared ? pull : k.dloss);
					}
				}
				if (pass > 1)
					continue;
				BARRIER();
				const double (*x)[STRIDE] = s.column[buffer];
				if (by_lanes && of <= WEIGHT)
					sum = lane<8>(sum, x[of], n, thread & 7);
				else if (by_lanes)
					sum = squares(sum, x[of == RATIO_SQUARED ? RATIO : of == KL2 ? LOG_RATIO : WEIGHT], n, thread & 7);
				else if (by_token && factors)
					sum = lane<1>(sum, x[WEIGHTED], n, 0);
			}
			if (pass > 1)
				break;
			if (by_lanes)
				s.lanes[of][thread & 7] = sum;
			if (by_token)
				s.weighted = sum;
			BARRIER();
			if (shared)
				pull = r.share * total(s.lanes[DLOSS]);
			if (rule->level == SEQUENCE)
				pull /= (double)r.n;
			factor_pull = s.weighted / (double)r.n;
		}

		// What threads found by themselves.
		if (thread < CHUNK) {
			s.low[thread] = low;
			s.high[thread] = high;
#pragma unroll
			for (int j = 0; j < TALLIES; j++)
				s.tallies[j][thread] = tally[j];
		}
		BARRIER();
		const int64 n = chunk_of(r, 0);
		Sums *out = &sums[i];
		if (thread < TALLIES) {
			int64 all = 0;
			for (int64 j = 0; j < n; j++)
				all += s.tallies[thread][j];
			out->tallies[thread] = all;
		} else if (by_token) {
			low = s.low[0];
			high = s.high[0];
			for (int64 j = 1; j < n; j++) {
				low = s.low[j] < low ? s.low[j] : low;
				high = s.high[j] > high ? s.high[j] : high;
			}
			out->loss = total(s.lanes[LOSS]);
			out->kl = total(s.lanes[KL]);
			out->entropy = total(s.lanes[ENTROPY]);
			out->ratio = total(s.lanes[RATIO]);
			out->ratio_squared = total(s.lanes[RATIO_SQUARED]);
			out->k1 = -total(s.lanes[LOG_RATIO]);
			out->k2 = 0.5 * total(s.lanes[KL2]);
			out->k3 = total(s.lanes[KL3]);
			out->ratio_min = low;
			out->ratio_max = high;
			out->weight = total(s.lanes[WEIGHT]);
			out->weight_squared = total(s.lanes[WEIGHT_SQUARED]);
		}
	}
}

KERNEL(THREADS, 2) objective_f32(const Rule *rule, const Response *responses, const int64 *rows, Sums *sums, int64 count) {
	objective<float>(rule, responses, rows, sums, count);
}

KERNEL(THREADS, 2) objective_f64(const Rule *rule, const Response *responses, const int64 *rows, Sums *sums, int64 count) {
	objective<double>(rule, responses, rows, sums, count);
}
