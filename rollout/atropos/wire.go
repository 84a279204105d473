package atropos

import (
	"fmt"
	"math/big"
)

// Registration is what a trainer registers with. All fields go over the wire.
type Registration struct {
	WandbGroup             string `json:"wandb_group"`
	WandbProject           string `json:"wandb_project"`
	BatchSize              int    `json:"batch_size"` // sequences, not groups; a multiple of the largest group size
	MaxTokenLen            int    `json:"max_token_len"`
	CheckpointDir          string `json:"checkpoint_dir"`
	SaveCheckpointInterval int    `json:"save_checkpoint_interval"`
	StartingStep           int    `json:"starting_step"`
	NumSteps               int    `json:"num_steps"`
}

// EnvRegistration is what an environment registers with.
type EnvRegistration struct {
	MaxTokenLength     int      `json:"max_token_length"`
	DesiredName        string   `json:"desired_name"`
	Weight             float64  `json:"weight"`
	GroupSize          int      `json:"group_size"`                     // sequences of a group; groups of another size wait until some add up to it
	MinBatchAllocation *float64 `json:"min_batch_allocation,omitempty"` // share of each batch that is this environment's; nil: none
}

// EnvInfo is what the server tells an environment that it has registered.
type EnvInfo struct {
	ID                 int    `json:"env_id"`
	Name               string `json:"wandb_name"` // desired name and a number
	CheckpointDir      string `json:"checkpoint_dir"`
	StartingStep       int    `json:"starting_step"`
	CheckpointInterval int    `json:"checkpoint_interval"`
	NumSteps           int    `json:"num_steps"`
}

// Info is what the trainer registered; both are -1 before it has.
type Info struct {
	BatchSize   int `json:"batch_size"`
	MaxTokenLen int `json:"max_token_len"`
}

// Status is the state of the server.
type Status struct {
	Step  int `json:"current_step"` // grows by one for each batch formed, which may be before it is handed out
	Queue int `json:"queue_size"`   // groups
}

// EnvStatus is the state of the server as one environment sees it.
type EnvStatus struct {
	Step                int     `json:"current_step"`
	Queue               int     `json:"queue_size"`           // in groups of this environment's size: its own, and those of others beyond their minimum
	UnallocatedFraction float64 `json:"unallocated_fraction"` // of a batch that no environment is promised
	OwnQueue            int     `json:"self_queue_size"`      // its own groups
	MaxGroupSize        int     `json:"max_group_size"`       // largest group in the queue
	Weight              float64 `json:"env_weight"`           // share of this environment, at least 0.01
}

// Workers is how many groups an environment may have under way, so that what it
// makes is not more than offPolicy batches ahead of the trainer:
//
//	min(most, offPolicy batch / group - Queue)
//
// and never below 0. At 0 start no new group; those under way go on.
func (s EnvStatus) Workers(most, offPolicy, batch, group int) int {
	if group <= 0 {
		return 0
	}
	return max(0, min(most, offPolicy*batch/group-s.Queue))
}

type registered struct {
	UUID *big.Int `json:"uuid"` // 128 bits: no int64 and no float64 holds it
}

// HTTPError is an answer that is none: another status than 200.
type HTTPError struct {
	Method, Path string
	Code         int
	Body         string // its beginning
}

func (e *HTTPError) Error() string {
	return fmt.Sprintf("atropos: %s %s: status %d: %s", e.Method, e.Path, e.Code, e.Body)
}

// ReplyError is an answer with status 200 that says that something is wrong.
type ReplyError struct {
	Method, Path string
	Status       string
	Message      string
}

func (e *ReplyError) Error() string {
	return fmt.Sprintf("atropos: %s %s: %s: %s", e.Method, e.Path, e.Status, e.Message)
}
