package advantage

// OPO is the optimal baseline under the assumption that a response's squared
// gradient grows with its length,
//
//	A_i = r_i - sum(len_j r_j)/sum(len_j), over the group
//
// Hao et al., On-Policy RL with Optimal Reward Baseline, arXiv 2505.23585. verl's opo
// keeps the reward of a singleton: SingletonReward. Needs Lengths.
func OPO() GroupRelative {
	return GroupRelative{Baseline: LengthWeightedMean, Scale: NoScale}
}

// AsymRE is asymmetric REINFORCE, A_i = r_i - (mean of the group + shift); a negative
// shift makes right answers weigh more than wrong ones. A group of equal rewards has
// advantage -shift. Arnal et al., Asymmetric REINFORCE for off-policy RL, arXiv
// 2506.20520; Trinity-RFT's asymre.
func AsymRE(shift float64) GroupRelative {
	return GroupRelative{Shift: shift, Scale: NoScale, ZeroSpread: ZeroSpreadCenter}
}

// FlashReinforce is A_i = r_i - mean of the batch, for one response a prompt.
// OpenRLHF 0.11.2's flash_reinforce. Needs no Groups.
func FlashReinforce() GroupRelative {
	return GroupRelative{Baseline: BatchMean, Scale: NoScale}
}

// ReMax is A_i = r_i - reward of the greedy response to the same prompt, which is
// Input.Baselines. Li et al., ReMax, arXiv 2310.10505. With rewards at single tokens it
// is TokenReturns with Baselines, as in verl's remax. Needs no Groups.
func ReMax() GroupRelative {
	return GroupRelative{Baseline: GivenBaseline, Scale: NoScale}
}

// RawReward is A_i = r_i: REINFORCE without a baseline. NeMo RL also whitens it over
// tokens: see Whitened. Needs no Groups.
func RawReward() GroupRelative {
	return GroupRelative{Baseline: NoBaseline, Scale: NoScale}
}
