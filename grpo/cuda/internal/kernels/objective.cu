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
enum { MISMATCH, SIGN_WEIGHT, POSITION_WEIGHT };

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
	int64 kind, level, mask;
	double a, b, bound; // MISMATCH Low, High; SIGN_WEIGHT Positive, Negative; POSITION_WEIGHT First, Last
};

enum { MAX_WEIGHTS = 4 };

struct Rule {
	const void *logp, *anchor;     // [T] F; the anchor is one of the batch's columns
	const void *over, *under;      // [T] F, MISMATCH: old and rollout
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
	int64 tallies[6]; // ZERO_WEIGHTS ... ODD
};

// The columns that a chunk of tokens adds to sums: the first four in the order of
// grpo's sum, four lanes; the others one by one.
enum { LOSS, DLOSS, KL, ENTROPY, LANES, RATIO = LANES, RATIO_SQUARED, KL1, KL2, KL3, WEIGHT, WEIGHT_SQUARED, WEIGHTED, COLUMNS };
// The columns of the pass before, where a response's ratios come from.
enum { RATIOS, MISMATCHES, FACTORS };

enum { THREADS = 128, CHUNK = THREADS, STRIDE = CHUNK + 4, ONE_BY_ONE = 32 };

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
// sum of them may overflow.
DEVICE bool odd(double x) { return !(fabs64(x) <= 1e250); }

DEVICE double clamp(const Clamp &c, double d, double advantage, bool *inside)
{
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
DEVICE bool surrogate(const Surrogate &s, double ratio, double a, double logp, double *loss, double *dloss)
{
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
DEVICE double mismatch(const Weight &m, double d)
{
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

// kl is the estimate at x and its derivative.
DEVICE double kl(const Rule *rule, double difference, double *slope)
{
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
		if (x < 1. / 1024 && x > -1. / 1024) { // e - 1 - x would cancel: its series
			value = x * x * (1. / 2 + x * (1. / 6 + x * (1. / 24 + x / 120)));
			d = -(x + value);
		} else {
			double e = exp64(x);
			value = e - 1 - x;
			d = 1 - e;
		}
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

template <typename F> DEVICE void store(void *column, int64 row, double x, int64 add)
{
	F *at = (F *)column + row;
	*at = add ? (F)((double)*at + x) : (F)x;
}

// whole is what a response's tokens share: the results of the pass before.
struct Whole {
	double log_ratio, mismatch, factor; // mismatch: the sum
};

// evaluate computes counted token t of a response, which is in this row.
template <typename F> DEVICE Token evaluate(const Rule *rule, const Response &r, const Whole &whole, int64 t, int64 row)
{
	Token k;
	double logp = load<F>(rule->logp, row);
	double a = rule->advantages ? load<F>(rule->advantages, row) : r.advantage;
	bool strange = odd(logp) || odd(a);
	k.d = logp - load<F>(rule->anchor, row);
	strange |= odd(k.d);
	k.inside = true;
	double q = clamp(rule->clamp, k.d, a, &k.inside);
	double x = rule->level == TOKEN ? q : whole.log_ratio;
	x = clamp(rule->cap, x, a, &k.inside);
	k.ratio = exp64(x);
	k.own = rule->level == TOKEN && !on(rule->clamp) && !on(rule->cap) ? k.ratio : exp64(k.d);
	strange |= odd(k.ratio) || odd(k.own);

	bool held = surrogate(a > 0 ? rule->positive : rule->negative, k.ratio, a, logp, &k.loss, &k.dloss);
	k.held = 0;
	if ((held || !k.inside) && a != 0) {
		double side = q != k.d ? k.d : x;
		if (side < 0)
			k.held = a < 0 ? LOW_NEGATIVE : LOW_POSITIVE;
		else if (side > 0)
			k.held = a < 0 ? HIGH_NEGATIVE : HIGH_POSITIVE;
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
			if (w.level == TOKEN)
				d = load<F>(rule->over, row) - load<F>(rule->under, row);
			else if (w.level == SEQUENCE)
				d /= (double)r.n;
			strange |= odd(d);
			k.weight *= mismatch(w, d);
		}
	}
	strange |= odd(k.weight);
	if (rule->weights) {
		k.loss = k.weight == 0 ? 0 : k.loss * k.weight;
		k.dloss = k.weight == 0 ? 0 : k.dloss * k.weight;
	}
	strange |= odd(k.loss) || odd(k.dloss);

	k.kl = k.kl_slope = k.weighted = 0;
	if (rule->kl != 0) {
		double difference = load<F>(rule->other, row) - logp;
		strange |= odd(difference);
		k.kl = kl(rule, difference, &k.kl_slope);
		if (rule->factor != NO_FACTOR) {
			double d = rule->factor_level == SEQUENCE ? whole.factor : logp - load<F>(rule->factor_of, row);
			strange |= odd(d);
			double f = exp64(d);
			bool live = !(rule->factor_cap > 0 && f > rule->factor_cap);
			if (!live)
				f = rule->factor_cap;
			strange |= odd(f);
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
		strange |= odd(k.kl) || odd(k.kl_slope);
	}
	k.entropy = 0;
	if (rule->entropy != 0) {
		k.entropy = load<F>(rule->entropies, row);
		strange |= odd(k.entropy);
	}
	k.odd = strange;
	return k;
}

// lanes adds lane of four of a chunk of n numbers: every fourth one. The last n mod 4
// numbers of a response go to the first lane, as in grpo's sum.
DEVICE double lanes(double sum, const double *x, int64 n, int64 lane)
{
	for (int64 i = lane; i < (n & ~3LL); i += 4)
		sum += x[i];
	if (lane == 0)
		for (int64 i = n & ~3LL; i < n; i++)
			sum += x[i];
	return sum;
}

DEVICE double total(const double *lane) { return (lane[0] + lane[1]) + (lane[2] + lane[3]); }

template <typename F> DEVICE void objective(const Rule *__restrict__ given, const Response *__restrict__ responses, const int64 *__restrict__ rows, Sums *__restrict__ sums, int64 count)
{
	SHARED double column[2][COLUMNS][STRIDE];
	SHARED double lane[LANES][4], one[COLUMNS - LANES];
	SHARED double low[THREADS], high[THREADS];
	SHARED int64 tallies[TALLIES][THREADS];
	SHARED Rule held;
	const int thread = THREAD;
	for (int j = thread; j < (int)(sizeof(Rule) / sizeof(word)); j += THREADS)
		((word *)&held)[j] = ((const word *)given)[j];
	BARRIER();
	const Rule *rule = &held;
	const bool shared = rule->level == SEQUENCE || rule->level == PRODUCT;
	const bool spread = rule->factor == DIFFERENTIABLE && rule->factor_level == SEQUENCE && rule->kl != 0;

	for (int64 i = BLOCK; i < count; i += GRID) {
		const Response r = responses[i];

		// The pass before: what all tokens of the response share.
		Whole whole = {0, 0, 0};
		bool differences = false;
		for (int64 w = 0; w < rule->weights; w++)
			differences |= rule->weight[w].kind == MISMATCH && rule->weight[w].level != TOKEN;
		const bool factors = rule->factor != NO_FACTOR && rule->factor_level == SEQUENCE && rule->kl != 0;
		if (rule->level != TOKEN || differences || factors) {
			double sum = 0;
			int buffer = 0;
			for (int64 start = 0; start < r.n; start += CHUNK, buffer ^= 1) {
				const int64 t = start + thread, n = r.n - start < CHUNK ? r.n - start : CHUNK;
				if (t < r.n) {
					const int64 row = r.index < 0 ? r.from + t : rows[r.index + t];
					double logp = load<F>(rule->logp, row);
					double a = rule->advantages ? load<F>(rule->advantages, row) : r.advantage;
					bool inside;
					column[buffer][RATIOS][thread] = clamp(rule->clamp, logp - load<F>(rule->anchor, row), a, &inside);
					column[buffer][MISMATCHES][thread] = differences ? load<F>(rule->over, row) - load<F>(rule->under, row) : 0;
					column[buffer][FACTORS][thread] = factors ? logp - load<F>(rule->factor_of, row) : 0;
				}
				BARRIER();
				if (thread < 12) {
					const double *x = column[buffer][thread >> 2];
					const int64 j = thread & 3;
					sum = lanes(sum, x, thread >> 2 == MISMATCHES ? n & ~3LL : n, j);
					if (thread >> 2 == MISMATCHES && (n & ~3LL) + j < n) // each lane has its own of the last
						sum += x[(n & ~3LL) + j];
				}
			}
			if (thread < 12)
				lane[thread >> 2][thread & 3] = sum;
			BARRIER();
			const double n = (double)r.n;
			whole.log_ratio = total(lane[RATIOS]);
			if (rule->level == SEQUENCE || rule->level == SEQUENCE_TOKEN)
				whole.log_ratio /= n;
			whole.mismatch = total(lane[MISMATCHES]);
			whole.factor = total(lane[FACTORS]) / n;
		}

		// The tokens: their sums first, and their gradient in the same pass where it
		// does not wait for a sum.
		double sum = 0, least = 0, most = 0;
		int64 tally[TALLIES];
#pragma unroll
		for (int j = 0; j < TALLIES; j++)
			tally[j] = 0;
		double pull = 0, factor_pull = 0; // what each token gets of the response's derivatives
		for (int pass = 0; pass <= (shared || spread); pass++) {
			const bool first = pass == 0, last = pass == (shared || spread);
			int buffer = 0;
			for (int64 start = 0; start < r.n; start += CHUNK, buffer ^= 1) {
				const int64 t = start + thread, n = r.n - start < CHUNK ? r.n - start : CHUNK;
				if (t < r.n) {
					const int64 row = r.index < 0 ? r.from + t : rows[r.index + t];
					const Token k = evaluate<F>(rule, r, whole, t, row);
					if (first) {
						tally[ZERO_WEIGHTS] += k.weight == 0;
#pragma unroll
						for (int j = LOW_NEGATIVE; j <= HIGH_POSITIVE; j++)
							tally[j] += k.held == j;
						tally[ODD] += k.odd;
						double (*x)[STRIDE] = column[buffer];
						x[LOSS][thread] = k.loss;
						x[DLOSS][thread] = k.dloss;
						x[KL][thread] = k.kl;
						x[ENTROPY][thread] = k.entropy;
						x[RATIO][thread] = k.ratio;
						x[RATIO_SQUARED][thread] = k.ratio * k.ratio;
						x[KL1][thread] = -k.d;
						x[KL2][thread] = k.d * k.d;
						x[KL3][thread] = k.own - 1 - k.d;
						x[WEIGHT][thread] = k.weight;
						x[WEIGHT_SQUARED][thread] = k.weight * k.weight;
						x[WEIGHTED][thread] = k.weighted;
						least = t < CHUNK || k.ratio < least ? k.ratio : least;
						most = t < CHUNK || k.ratio > most ? k.ratio : most;
					}
					if (last) {
						double g = shared ? pull : r.share * k.dloss;
						if (!k.inside && !rule->detached)
							g = 0;
						if (rule->kl != 0)
							g += r.kl_slope * (factor_pull != 0 ? k.kl_slope + factor_pull : k.kl_slope);
						if (rule->scale != 1)
							g *= rule->scale;
						if (odd(g) || odd((double)(F)g))
							tally[ODD]++;
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
					}
				}
				if (!first)
					continue;
				BARRIER();
				if (thread < 4 * LANES)
					sum = lanes(sum, column[buffer][thread >> 2], n, thread & 3);
				else if (thread >= ONE_BY_ONE && thread < ONE_BY_ONE + COLUMNS - LANES)
					for (int64 j = 0; j < n; j++)
						sum += column[buffer][LANES + thread - ONE_BY_ONE][j];
			}
			if (!first)
				break;
			if (thread < 4 * LANES)
				lane[thread >> 2][thread & 3] = sum;
			else if (thread >= ONE_BY_ONE && thread < ONE_BY_ONE + COLUMNS - LANES)
				one[thread - ONE_BY_ONE] = sum;
			BARRIER();
			if (shared)
				pull = r.share * total(lane[DLOSS]);
			if (rule->level == SEQUENCE)
				pull /= (double)r.n;
			factor_pull = one[WEIGHTED - LANES] / (double)r.n;
		}

		// What threads found by themselves.
		low[thread] = least;
		high[thread] = most;
#pragma unroll
		for (int j = 0; j < TALLIES; j++)
			tallies[j][thread] = tally[j];
		BARRIER();
		const int threads = r.n < THREADS ? (int)r.n : THREADS;
		Sums *out = &sums[i];
		if (thread < TALLIES) {
			int64 all = 0;
			for (int j = 0; j < threads; j++)
				all += tallies[thread][j];
			out->tallies[thread] = all;
		} else if (thread == ONE_BY_ONE) {
			least = low[0];
			most = high[0];
			for (int j = 1; j < threads; j++) {
				least = low[j] < least ? low[j] : least;
				most = high[j] > most ? high[j] : most;
			}
			out->loss = total(lane[LOSS]);
			out->kl = total(lane[KL]);
			out->entropy = total(lane[ENTROPY]);
			out->ratio = one[RATIO - LANES];
			out->ratio_squared = one[RATIO_SQUARED - LANES];
			out->k1 = one[KL1 - LANES];
			out->k2 = 0.5 * one[KL2 - LANES];
			out->k3 = one[KL3 - LANES];
			out->ratio_min = least;
			out->ratio_max = most;
			out->weight = one[WEIGHT - LANES];
			out->weight_squared = one[WEIGHT_SQUARED - LANES];
		}
	}
}

KERNEL(THREADS) objective_f32(const Rule *rule, const Response *responses, const int64 *rows, Sums *sums, int64 count)
{
	objective<float>(rule, responses, rows, sums, count);
}

KERNEL(THREADS) objective_f64(const Rule *rule, const Response *responses, const int64 *rows, Sums *sums, int64 count)
{
	objective<double>(rule, responses, rows, sums, count);
}
