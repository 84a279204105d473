package advantage

// Baseline is what is subtracted from a response's reward.
type Baseline int

// The values of Baseline; the first is the default.
const (
	GroupMean          Baseline = iota // mean of the group
	LeaveOneOut                        // mean of the others of the group
	LengthWeightedMean                 // sum of length * reward over the group / sum of length: OPO
	BatchMean                          // mean over all responses
	GivenBaseline                      // Input.Baselines: the greedy response's reward (ReMax), an EMA, a critic
	NoBaseline                         // 0
)

var baselineNames = []string{"group-mean", "leave-one-out", "length-weighted-mean", "batch-mean", "given", "none"}

func (b Baseline) String() string { return name(b, baselineNames) }

// MarshalText writes the name that String returns.
func (b Baseline) MarshalText() ([]byte, error) { return marshal(b, baselineNames) }

// UnmarshalText reads what MarshalText wrote.
func (b *Baseline) UnmarshalText(text []byte) error { return unmarshal(b, text, baselineNames) }
