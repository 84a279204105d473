package advantage

// Scale is what the difference from the baseline is divided by.
type Scale int

// The values of Scale; the first is the default.
const (
	GroupStd       Scale = iota // standard deviation of the group
	BatchStd                    // standard deviation over all responses
	LeaveOneOutStd              // standard deviation of the others of the group (NeMo RL)
	NoScale                     // 1
)

var scaleNames = []string{"group-std", "batch-std", "leave-one-out-std", "none"}

func (s Scale) String() string { return name(s, scaleNames) }

// MarshalText writes the name that String returns.
func (s Scale) MarshalText() ([]byte, error) { return marshal(s, scaleNames) }

// UnmarshalText reads what MarshalText wrote.
func (s *Scale) UnmarshalText(text []byte) error { return unmarshal(s, text, scaleNames) }
