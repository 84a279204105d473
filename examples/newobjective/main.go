// Command newobjective makes a new objective in ten lines, checks its gradient and
// every other contract, and draws it.
//
//	go run ./examples/newobjective -o tanh.svg
package main

import (
	"flag"
	"fmt"
	"image/color"
	"log"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

// tanh is the new objective: the log-ratio d is squashed instead of clipped, so that
// a token far from the old policy pulls less, and never not at all.
//
//	l = -A tanh(d/Width) Width        dl/dd = -A / cosh^2(d/Width)
type tanh struct{ Width float64 }

func (s tanh) Loss(loss, dloss []float64, r *grpo.Response) {
	for t, a := range r.Advantage {
		y := math.Tanh(r.LogRatio[t] / s.Width)
		loss[t], dloss[t] = -a*s.Width*y, -a*(1-y*y)
	}
}

func (tanh) Needs() grpo.Fields { return 0 }
func (s tanh) String() string   { return fmt.Sprintf("-A %v tanh(log r/%v)", s.Width, s.Width) }

func main() {
	log.SetFlags(0)
	out := flag.String("o", "newobjective.svg", "file of the picture: .svg, .png or .pdf")
	flag.Parse()
	grpo.Register("tanh", tanh{}) // for JSON

	objective := grpo.Objective{Surrogate: tanh{Width: 0.25}, Aggregation: grpo.TokenMean{}}
	fmt.Println(objective)
	if err := grpotest.Check(objective); err != nil { // in a test: grpotest.Run(t, objective)
		log.Fatal(err)
	}
	fmt.Println("gradient, split, masks, non-finite values, types, errors, allocations, JSON: as they should be")

	picture, err := draw(objective)
	if err != nil {
		log.Fatal(err)
	}
	if err := picture.Save(12*vg.Centimeter, 8*vg.Centimeter, *out); err != nil {
		log.Fatal(err)
	}
	fmt.Println("drawn in", *out)
}

// draw plots the derivative of one token with advantage 1 against its ratio, beside
// the clip's.
func draw(objective grpo.Objective) (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "ratio", "dL/dlogp, A = 1"
	for _, c := range []struct {
		name  string
		o     grpo.Objective
		color color.Color
	}{
		{"clip 0.2", grpo.New(), color.Gray{Y: 0x90}},
		{objective.Surrogate.(fmt.Stringer).String(), objective, color.RGBA{R: 0x1f, G: 0x6f, B: 0xb4, A: 0xff}},
	} {
		var xy plotter.XYs
		for x := 0.2; x < 2.5; x += 0.01 {
			b := grpo.Batch[float64]{
				Offsets: []int{0, 1}, LogProbs: []float64{math.Log(0.3 * x)}, OldLogProbs: []float64{math.Log(0.3)}, Advantages: []float64{1},
			}
			g := grpo.Gradient[float64]{LogProbs: make([]float64, 1)}
			if _, err := grpo.Eval(g, &c.o, &b); err != nil {
				return nil, err
			}
			xy = append(xy, plotter.XY{X: x, Y: g.LogProbs[0]})
		}
		line, err := plotter.NewLine(xy)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = c.color, vg.Points(1.5)
		p.Add(line)
		p.Legend.Add(c.name, line)
	}
	return p, nil
}
