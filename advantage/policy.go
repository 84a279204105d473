package advantage

// Overlong is what becomes of responses that Input.Truncated marks.
type Overlong int

// The values of Overlong; the first is the default.
const (
	ZeroAfter Overlong = iota // their reward counts in every baseline and spread, their advantage is 0 (NousCoder)
	Exclude                   // their reward counts nowhere, their advantage is 0
)

var overlongNames = []string{"zero-after", "exclude"}

func (o Overlong) String() string { return name(o, overlongNames) }

// MarshalText writes the name that String returns.
func (o Overlong) MarshalText() ([]byte, error) { return marshal(o, overlongNames) }

// UnmarshalText reads what MarshalText wrote.
func (o *Overlong) UnmarshalText(text []byte) error { return unmarshal(o, text, overlongNames) }

// NaN is what becomes of responses whose reward is NaN. An infinite reward is
// always a *ValueError.
type NaN int

// The values of NaN; the first is the default.
const (
	NaNError   NaN = iota // a *ValueError that names the response
	NaNExclude            // the reward counts nowhere, the advantage is 0 (TRL)
)

var nanNames = []string{"error", "exclude"}

func (n NaN) String() string { return name(n, nanNames) }

// MarshalText writes the name that String returns.
func (n NaN) MarshalText() ([]byte, error) { return marshal(n, nanNames) }

// UnmarshalText reads what MarshalText wrote.
func (n *NaN) UnmarshalText(text []byte) error { return unmarshal(n, text, nanNames) }

// Singleton is the advantage of a response that is alone in the set that its
// baseline or scale is taken over.
type Singleton int

// The values of Singleton; the first is the default.
const (
	SingletonZero   Singleton = iota // 0: nothing to compare with (TRL, NeMo RL, verl's rloo_vectorized)
	SingletonReward                  // the reward itself: baseline 0, scale 1 (verl, SkyRL)
)

var singletonNames = []string{"zero", "reward"}

func (s Singleton) String() string { return name(s, singletonNames) }

// MarshalText writes the name that String returns.
func (s Singleton) MarshalText() ([]byte, error) { return marshal(s, singletonNames) }

// UnmarshalText reads what MarshalText wrote.
func (s *Singleton) UnmarshalText(text []byte) error { return unmarshal(s, text, singletonNames) }

// ZeroSpread is the advantage of a response whose baseline or scale is taken over
// a set of equal rewards: max - min <= Tolerance, decided before any division. A
// standard deviation is no test for it: three rewards of 0.1 have one of 1.4e-17.
type ZeroSpread int

// The values of ZeroSpread; the first is the default.
const (
	ZeroSpreadZero   ZeroSpread = iota // 0
	ZeroSpreadCenter                   // reward minus baseline, not divided (NeMo RL)
)

var zeroSpreadNames = []string{"zero", "center"}

func (z ZeroSpread) String() string { return name(z, zeroSpreadNames) }

// MarshalText writes the name that String returns.
func (z ZeroSpread) MarshalText() ([]byte, error) { return marshal(z, zeroSpreadNames) }

// UnmarshalText reads what MarshalText wrote.
func (z *ZeroSpread) UnmarshalText(text []byte) error { return unmarshal(z, text, zeroSpreadNames) }

// EpsilonPlace is where Epsilon enters the divisor made of a variance.
type EpsilonPlace int

// The values of EpsilonPlace; the first is the default.
const (
	AddToStd      EpsilonPlace = iota // std + Epsilon (TRL, verl, OpenRLHF, slime, AReaL)
	FloorStd                          // max(std, Epsilon) (NousCoder's trainer, atropos)
	AddToVariance                     // sqrt(variance + Epsilon) (verl's whitening)
	FloorVariance                     // sqrt(max(variance, Epsilon)) (OpenRLHF's and NeMo RL's whitening)
)

var epsilonPlaceNames = []string{"add-to-std", "floor-std", "add-to-variance", "floor-variance"}

func (e EpsilonPlace) String() string { return name(e, epsilonPlaceNames) }

// MarshalText writes the name that String returns.
func (e EpsilonPlace) MarshalText() ([]byte, error) { return marshal(e, epsilonPlaceNames) }

// UnmarshalText reads what MarshalText wrote.
func (e *EpsilonPlace) UnmarshalText(text []byte) error { return unmarshal(e, text, epsilonPlaceNames) }
