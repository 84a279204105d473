package advantage

import "math"

// Teacher adds what a teacher thinks of each token to the advantage of the response,
//
//	A_t = A_i + Coefficient (TeacherLogProbs_t - LogProbs_t)
//
// On-policy distillation as ms-swift 4.6, slime, NeMo RL and prime-rl have it; on its
// own (A_i = 0) with NoReward.
type Teacher struct {
	Of          GroupRelative
	Coefficient float64
	NoReward    bool // A_i = 0: nothing but the teacher
}

// PerToken is true.
func (Teacher) PerToken() bool { return true }

// Estimate writes one advantage a token. It needs what Of needs, Offsets, LogProbs and
// TeacherLogProbs. Tokens of truncated responses get 0.
func (o Teacher) Estimate(dst []float64, in *Input) error {
	if math.IsNaN(o.Coefficient) || math.IsInf(o.Coefficient, 0) {
		return &OptionError{"Teacher", "Coefficient", "must be finite"}
	}
	return o.Of.tile("Teacher", dst, in, o.NoReward, "TeacherLogProbs", in.TeacherLogProbs, func(a, d float64) float64 {
		return a + float64(o.Coefficient*d)
	})
}

// RLSD scales the advantage of each token by how much a teacher agrees with it,
//
//	A_t = A_i ((1 - Lambda) + Lambda clip(exp(sign(A_i) (TeacherLogProbs_t - LogProbs_t)), Low, High))
//
// ms-swift 4.6's RLSD, which has Lambda 0.5, Low 0.8, High 1.2: NewRLSD.
type RLSD struct {
	Of        GroupRelative
	Lambda    float64 // 0 (default) to 1; 0: A_t = A_i
	Low, High float64 // bounds of the factor itself
}

// NewRLSD has ms-swift's constants.
func NewRLSD() RLSD { return RLSD{Lambda: 0.5, Low: 0.8, High: 1.2} }

// PerToken is true.
func (RLSD) PerToken() bool { return true }

// Estimate writes one advantage a token. It needs what Of needs, Offsets, LogProbs and
// TeacherLogProbs.
func (o RLSD) Estimate(dst []float64, in *Input) error {
	switch {
	case !(o.Lambda >= 0 && o.Lambda <= 1):
		return &OptionError{"RLSD", "Lambda", "must be between 0 and 1"}
	case !(o.Low >= 0 && o.Low <= o.High) || math.IsInf(o.High, 0):
		return &OptionError{"RLSD", "Low", "must not be negative, nor above High"}
	}
	return o.Of.tile("RLSD", dst, in, false, "TeacherLogProbs", in.TeacherLogProbs, func(a, d float64) float64 {
		agreement := max(o.Low, min(math.Exp(math.Copysign(1, a)*d), o.High))
		return a * ((1 - o.Lambda) + float64(o.Lambda*agreement))
	})
}
