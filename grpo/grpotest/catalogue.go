package grpotest

import (
	"github.com/grouprl/grouprl/dapo"
	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/gspo"
)

// Row is one published objective, or one published part in the clip's objective. A
// row is all it takes to be tested, drawn and listed: gradient, split, fuzz and
// golden tests, the gallery and the table in docs range over Catalogue.
type Row struct {
	Name   string
	Kind   Kind
	New    func() grpo.Objective
	Paper  string   // or the package that it was read in
	Golden []string // keys of the golden cases that are about it: Case.Key
}

// Kind says which part of an objective a row is about.
type Kind string

// Kinds of rows.
const (
	Surrogate   Kind = "surrogate"
	Weight      Kind = "weight"
	Penalty     Kind = "KL and entropy"
	Aggregation Kind = "aggregation"
)

// Absent is a published objective that is not one value of the library.
type Absent struct{ Name, Reason string }

// Catalogue returns every published objective that the library has, in the order of
// the table in docs. Each call returns a new slice.
func Catalogue() []Row {
	var all []Row
	for _, rows := range [][]Row{surrogateRows, weightRows, penaltyRows, aggregationRows} {
		all = append(all, rows...)
	}
	return all
}

var surrogateRows = []Row{
	{"GRPO", Surrogate, grpo.New, "2402.03300", []string{"clip"}},
	{"DAPO", Surrogate, dapo.New, "2503.14476", []string{"clip"}},
	{"Dr.GRPO", Surrogate, func() grpo.Objective { return grpo.NewDrGRPO(16) }, "2503.20783", []string{"clip"}},
	{"dual clip, two-sided cap", Surrogate, clipped(grpo.Clip{Low: 0.2, High: 0.28, Cap: 3}), "1912.09729, 2505.07291", []string{"clip"}},
	{"bounds by sign", Surrogate, bySign(grpo.Clip{Low: 0.2, High: 0.3}, grpo.Clip{Low: 0.1, High: 0.2, Cap: 2}), "", nil},
	{"RIPO", Surrogate, grpo.NewRIPO, "2607.10169", nil},
	{"DCPO", Surrogate, grpo.NewDCPO, "2509.02333", nil},
	{"BAPO", Surrogate, grpo.NewBAPO, "2510.18927", nil},
	{"GPPO", Surrogate, grpo.NewGPPO, "2508.07629", nil},
	{"CE-GPPO", Surrogate, grpo.NewCEGPPO, "2509.20712", nil},
	{"GSPO", Surrogate, gspo.New, "2507.18071", []string{"gspo"}},
	{"GSPO-token", Surrogate, gspo.Token, "2507.18071", []string{"gspo-token"}},
	{"GSPO+", Surrogate, gspo.Plus, "NousCoder-14B", []string{"gspo"}},
	{"LUSPO", Surrogate, grpo.NewLUSPO, "2602.05261", []string{"luspo"}},
	{"GMPO", Surrogate, grpo.NewGMPO, "2507.20673", []string{"gmpo"}},
	{"SAPO", Surrogate, grpo.NewSAPO, "2511.20347", []string{"sapo"}},
	{"CISPO, raw upper bound", Surrogate, grpo.NewCISPO, "2506.13585", []string{"cispo"}},
	{"CISPO, offsets from 1", Surrogate, of(grpo.CISPO{Min: 0.8, Max: 1.2}), "2506.13585", []string{"cispo"}},
	{"DISPO", Surrogate, grpo.NewDISPO, "2602.00983", nil},
	{"VESPO", Surrogate, grpo.NewVESPO, "2602.10693", []string{"vespo"}},
	{"VESPO, corrected", Surrogate, correctedVESPO, "2602.10693", []string{"vespo"}},
	{"DPPO, total variation", Surrogate, grpo.NewDPPO, "2602.04879", []string{"dppo"}},
	{"DPPO, KL", Surrogate, of(grpo.DPPO{Divergence: grpo.DivergenceKL, Low: 0.05, High: 0.05, Max: 20}), "2602.04879", []string{"dppo"}},
	{"DPPO, prime-rl", Surrogate, grpo.NewPrimeDPPO, "prime-rl", nil},
	{"IPO, prime-rl", Surrogate, grpo.NewIPO, "prime-rl", nil},
	{"DRO", Surrogate, func() grpo.Objective { return grpo.NewDRO(0.5) }, "2405.19107", []string{"dro"}},
	{"Kimi k1.5", Surrogate, grpo.NewKimi, "2501.12599", []string{"dro"}},
	{"DRPO", Surrogate, grpo.NewDRPO, "2606.09821", nil},
	{"REINFORCE, GPG", Surrogate, grpo.NewReinforce, "2504.02546", []string{"reinforce"}},
	{"importance sampling", Surrogate, of(grpo.Linear{}), "tinker", nil},
	{"TIS policy gradient", Surrogate, grpo.NewTISPG, "1802.01561", nil},
	{"TOPR", Surrogate, grpo.NewTOPR, "2503.14286", nil},
	{"UP", Surrogate, grpo.NewUP, "2607.06987", nil},
	{"ASPO", Surrogate, grpo.NewASPO, "2510.06062", nil},
	{"DIS", Surrogate, grpo.NewDIS, "GLM-5, SkyRL", nil},
	{"REC, ring clip", Surrogate, grpo.NewREC, "2509.24203", nil},
	{"sppo", Surrogate, grpo.NewSPPO, "2108.05828", nil},
	{"opmd", Surrogate, func() grpo.Objective { return grpo.NewOPMD(0.5) }, "Trinity-RFT", nil},
	{"AWR", Surrogate, grpo.NewAWR, "1910.00177", nil},
	{"PSR", Surrogate, grpo.NewPSR, "2506.01347", nil},
	{"NSR", Surrogate, grpo.NewNSR, "2506.01347", nil},
	{"W-REINFORCE", Surrogate, grpo.NewWReinforce, "2506.01347", nil},
	{"REAL", Surrogate, grpo.NewREAL, "ms-swift", nil},
	{"clip-cov", Surrogate, grpo.NewClipCov, "2505.22617", []string{"clip-cov"}},
	{"kl-cov", Surrogate, grpo.NewKLCov, "2505.22617", []string{"kl-cov"}},
}

var weightRows = []Row{
	{"decoupled PPO", Weight, weighted(grpo.Mismatch{}), "2110.00641", []string{"gate"}},
	{"TIS, token", Weight, weighted(grpo.Mismatch{High: 2}), "1802.01561", []string{"mismatch"}},
	{"TIS, sequence", Weight, weighted(grpo.Mismatch{Level: grpo.ProductLevel, High: 2}), "verl", []string{"mismatch"}},
	{"IcePop", Weight, weighted(grpo.Mismatch{Mode: grpo.Mask, Low: 0.5, High: 5}), "2510.18855", []string{"mismatch"}},
	{"MIS, product", Weight, weighted(grpo.Mismatch{Level: grpo.ProductLevel, Mode: grpo.Mask, High: 3}), "TRL", []string{"mismatch"}},
	{"MIS, geometric", Weight, weighted(grpo.Mismatch{Level: grpo.SequenceLevel, Mode: grpo.Mask, Low: 0.95, High: 1.05}), "NeMo-RL", []string{"mismatch"}},
	{"outlier", Weight, weighted(grpo.Gate{Any: true, Low: 0.7, High: 1.4}), "SkyRL", nil},
	{"veto", Weight, weighted(grpo.Gate{Any: true, Low: 1e-4}), "verl", nil},
	{"sequence maximum, TRM", Weight, weighted(grpo.Gate{Statistic: grpo.TVStatistic, Any: true, High: 0.1}), "2512.23075", nil},
	{"gate: token, ratio", Weight, weighted(grpo.Gate{Low: 0.9, High: 1.1}, grpo.Mismatch{}), "OpenRLHF", nil},
	{"gate: token, TV", Weight, weighted(grpo.Gate{Statistic: grpo.TVStatistic, High: 0.05}, grpo.Mismatch{}), "OpenRLHF", []string{"gate"}},
	{"gate: token, binary KL", Weight, weighted(grpo.Gate{Statistic: grpo.BinaryKL, High: 0.01}, grpo.Mismatch{}), "OpenRLHF", []string{"gate"}},
	{"gate: sequence, ratio", Weight, weighted(grpo.Gate{Level: grpo.SequenceLevel, Low: 0.95, High: 1.05}, grpo.Mismatch{}), "OpenRLHF", []string{"gate"}},
	{"gate: sequence, TV", Weight, weighted(grpo.Gate{Level: grpo.SequenceLevel, Statistic: grpo.TVStatistic, High: 0.05}, grpo.Mismatch{}), "OpenRLHF", []string{"gate"}},
	{"gate: sequence, binary KL", Weight, weighted(grpo.Gate{Level: grpo.SequenceLevel, Statistic: grpo.BinaryKL, High: 0.01}, grpo.Mismatch{}), "OpenRLHF", []string{"gate"}},
	{"KPop", Weight, weighted(grpo.Gate{Statistic: grpo.SymmetricKL, High: 0.01}), "verl", nil},
	{"rejection by k1, token", Weight, weighted(grpo.Divergence{Estimator: grpo.K1, Low: -0.1, High: 0.1}), "verl", nil},
	{"rejection by k2, mean", Weight, weighted(grpo.Divergence{Estimator: grpo.K2, Reduce: grpo.ReduceMean, High: 0.005}), "verl", []string{"divergence"}},
	{"rejection by k3, sum", Weight, weighted(grpo.Divergence{Reduce: grpo.ReduceSum, High: 0.02}), "verl", []string{"divergence"}},
	{"rejection by k3, maximum", Weight, weighted(grpo.Divergence{Reduce: grpo.ReduceMax, High: 0.01}), "verl", []string{"divergence"}},
	{"OPSM", Weight, weighted(grpo.OPSM{Threshold: 0.05, Anchor: grpo.Rollout}), "2512.02556", []string{"opsm"}},
	{"VACO", Weight, weighted(grpo.VACO{Threshold: 0.05}), "open-instruct", nil},
	{"M2PO", Weight, weighted(grpo.M2PO{Threshold: 0.005}), "2510.01161", nil},
	{"top entropy", Weight, weighted(grpo.TopEntropy{Share: 0.2}), "2506.01939", []string{"top-entropy"}},
	{"clipB", Weight, weighted(grpo.ClipB{Mu: 0.5}), "Trinity-RFT", nil},
	{"batch-normalised weight, tokens", Weight, weighted(grpo.MeanWeight{Of: grpo.Mismatch{High: 2}, Epsilon: 1e-8}), "verl", []string{"mean-weight"}},
	{"batch-normalised weight, responses", Weight, weighted(grpo.MeanWeight{Of: grpo.Mismatch{Level: grpo.ProductLevel, High: 2}, ByResponse: true, Epsilon: 1e-8}), "verl", []string{"mean-weight"}},
	{"FIPO", Weight, grpo.NewFIPO, "ms-swift", nil},
	{"CPPO", Weight, grpo.NewCPPO, "2606.10968", nil},
	{"position weight", Weight, weighted(grpo.PositionWeight{First: 1, Last: 0.8}), "", nil},
	{"length power, VL-Norm", Weight, weighted(grpo.LengthPower{Power: -0.75, Reference: 4}), "2509.07558", nil},
}

var penaltyRows = []Row{
	{"k1", Penalty, penalised(grpo.KL{Estimator: grpo.K1}), "Schulman 2020", []string{"kl"}},
	{"|k1|", Penalty, penalised(grpo.KL{Estimator: grpo.AbsK1}), "verl", []string{"kl"}},
	{"k2", Penalty, penalised(grpo.KL{Estimator: grpo.K2}), "Schulman 2020", []string{"kl"}},
	{"k3", Penalty, penalised(grpo.KL{}), "2402.03300", []string{"kl"}},
	{"k3, input and output bounded", Penalty, penalised(grpo.KL{InputBound: 0.6, OutputBound: 0.15}), "verl, NeMo-RL", []string{"kl"}},
	{"k1+, straight-through", Penalty, penalised(grpo.KL{Estimator: grpo.K1, Gradient: grpo.K2Gradient}), "verl", []string{"kl"}},
	{"k3+, straight-through", Penalty, penalised(grpo.KL{Gradient: grpo.K2Gradient}), "verl", []string{"kl"}},
	{"ratio-weighted k1", Penalty, penalised(grpo.KL{Estimator: grpo.K1, Factor: grpo.KLFactor{Mode: grpo.Differentiable}}), "open-instruct", nil},
	{"ratio-weighted k3", Penalty, penalised(grpo.KL{Factor: grpo.KLFactor{Mode: grpo.Differentiable}}), "2512.02556, TRL from 1.10", []string{"kl"}},
	{"ratio-weighted k3, sequence", Penalty, penalised(grpo.KL{Factor: grpo.KLFactor{Mode: grpo.Differentiable, Level: grpo.SequenceLevel}}), "TRL", []string{"kl"}},
	{"ratio-weighted k3, detached", Penalty, penalised(grpo.KL{Factor: grpo.KLFactor{Mode: grpo.Detached}}), "slime", nil},
	{"sampler-weighted k3", Penalty, penalised(grpo.KL{Factor: grpo.KLFactor{Mode: grpo.Detached, Anchor: grpo.Rollout}}), "NeMo-RL", nil},
	{"k3 with its score term", Penalty, penalised(grpo.KL{Factor: grpo.KLFactor{Mode: grpo.Differentiable, Anchor: grpo.Current}}), "2506.09477, NeMo-RL", nil},
	{"off-policy straight-through", Penalty, penalised(grpo.KL{Gradient: grpo.K2Gradient, InputBound: 10, Factor: grpo.KLFactor{Mode: grpo.GradientOnly, Cap: 10}}), "OpenRLHF", []string{"kl"}},
	{"squared log-ratio to the sampler", Penalty, penalised(grpo.KL{Against: grpo.AgainstRollout, Estimator: grpo.K2}), "prime-rl", nil},
	{"entropy bonus", Penalty, bonus(nil), "", []string{"entropy"}},
	{"entropy bonus, its own mean", Penalty, bonus(grpo.TokenMean{}), "TRL", []string{"entropy"}},
}

var aggregationRows = []Row{
	{"token mean", Aggregation, aggregated(grpo.TokenMean{}), "2503.14476", []string{"clip", "totals"}},
	{"response mean", Aggregation, aggregated(grpo.ResponseMean{}), "2402.03300", []string{"clip"}},
	{"response mean, all responses", Aggregation, aggregated(grpo.ResponseMean{All: true}), "TRL", []string{"clip"}},
	{"response sum", Aggregation, aggregated(grpo.ResponseSum{}), "verl", []string{"clip"}},
	{"constant length", Aggregation, aggregated(grpo.ConstantLength{Length: 16}), "2503.20783", []string{"clip"}},
	{"token sum", Aggregation, aggregated(grpo.Sum{}), "verl, tinker", []string{"clip"}},
	{"prompt mean", Aggregation, aggregated(grpo.PromptMean{}), "2503.14476, SkyRL", nil},
	{"episode mean", Aggregation, aggregated(grpo.EpisodeMean{}), "slime", nil},
	{"scaled", Aggregation, aggregated(grpo.Scaled{Factor: 0.25, Of: grpo.TokenMean{}}), "", []string{"scaled"}},
}

// of returns a constructor of a surrogate under the token mean.
func of(s grpo.Surrogate) func() grpo.Objective {
	return func() grpo.Objective { return grpo.Objective{Surrogate: s, Aggregation: grpo.TokenMean{}} }
}

func clipped(c grpo.Clip) func() grpo.Objective { return of(c) }

func bySign(positive, negative grpo.Surrogate) func() grpo.Objective {
	return of(grpo.BySign{Positive: positive, Negative: negative})
}

func correctedVESPO() grpo.Objective {
	o := grpo.NewVESPO()
	s := o.Surrogate.(grpo.VESPO)
	s.Correction = grpo.Mismatch{Low: 0.5, High: 2}
	o.Surrogate = s
	return o
}

// weighted returns a constructor of DAPO with weights.
func weighted(w ...grpo.Weight) func() grpo.Objective {
	return func() grpo.Objective {
		o := dapo.New()
		o.Weights = append([]grpo.Weight(nil), w...)
		return o
	}
}

// penalised returns a constructor of GRPO with a KL term.
func penalised(k grpo.KL) func() grpo.Objective {
	return func() grpo.Objective {
		o := grpo.New()
		o.KL = k
		o.KL.Coefficient = 0.1
		return o
	}
}

func bonus(a grpo.Aggregation) func() grpo.Objective {
	return func() grpo.Objective {
		o := grpo.New()
		o.Entropy = grpo.Entropy{Coefficient: 0.01, Aggregation: a}
		return o
	}
}

func aggregated(a grpo.Aggregation) func() grpo.Objective {
	return func() grpo.Objective {
		return grpo.Objective{Surrogate: grpo.Clip{Low: 0.2, High: 0.28}, Aggregation: a}
	}
}

// NotBuilt returns the published objectives that are not one value of the library,
// each with the reason.
func NotBuilt() []Absent {
	return []Absent{
		{"SimKO", "pushes the top-K tokens beside the sampled one: needs their log-probabilities and gradients"},
		{"Lp-Reg", "a KL to a filtered distribution: needs the whole vocabulary"},
		{"DPPO top-K", "its divergence is over K tokens a position: needs their log-probabilities"},
		{"clipV", "subtracts an expectation over the vocabulary; clipB is built"},
		{"ERC", "masks by the entropy before the step, which a batch does not hold"},
		{"RSPO", "weighs by the shift of a mixture's router, which a batch does not hold"},
		{"REC's forward-KL regulariser", "a likelihood of old's samples, -beta lp: Evaluator.Add with Reinforce and advantage beta; its k2 is KL{Against: AgainstOld, Estimator: K2}"},
		{"GVPO, AMIR-GRPO", "squares differences of pairs of responses"},
		{"TPO, SDPO, MiniLLM", "need pairs, or the teacher's distribution"},
		{"FlowRL", "learns its normaliser Z"},
		{"lambda-GRPO", "learns the exponent of its length weight"},
		{"stable_reinforce", "its formula is not published (tinker)"},
		{"BNPO and other local means", "a mean over a micro-batch depends on how the step is cut: Eval each micro-batch as a step of its own"},
		{"VAPO's likelihood of right responses", "a sum of two objectives: Evaluator.Add with Reinforce, advantage 1 and a mask of its own"},
	}
}
