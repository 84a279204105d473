package main

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// curve is pass@1 along the training of one objective.
type curve struct {
	objective string
	points    []point
}

// palette is readable for the colour-blind (Okabe and Ito).
var palette = []color.RGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
}

// writeCurves draws sampled and greedy pass@1 side by side as a PNG, with the
// 95 % interval of each point.
func writeCurves(w io.Writer, title string, curves []curve) error {
	panels := make([]*plot.Plot, 2)
	for i, what := range []string{"sampled at temperature 1", "greedy"} {
		p := plot.New()
		p.Title.Text = title + ": " + what
		p.Title.Padding = vg.Points(6)
		p.X.Label.Text = "reinforcement step"
		p.Y.Label.Text = "pass@1 on unseen compositions"
		p.Y.Min, p.Y.Max = 0, 1
		p.Legend.Padding = vg.Points(2)
		p.Legend.XOffs, p.Legend.YOffs = -vg.Points(14), vg.Points(10)
		p.Add(plotter.NewGrid())
		for j, c := range curves {
			if err := addCurve(p, c, palette[j%len(palette)], i == 1); err != nil {
				return err
			}
		}
		panels[i] = p
	}

	const width, height = 11 * vg.Inch, 4.2 * vg.Inch
	image := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(120))
	tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: vg.Points(14), PadTop: vg.Points(6), PadBottom: vg.Points(6), PadLeft: vg.Points(6), PadRight: vg.Points(10)}
	canvases := plot.Align([][]*plot.Plot{panels}, tiles, draw.New(image))
	for i, p := range panels {
		p.Draw(canvases[0][i])
	}
	_, err := vgimg.PngCanvas{Canvas: image}.WriteTo(w)
	return err
}

// addCurve adds one line, its points and their intervals.
func addCurve(p *plot.Plot, c curve, colour color.RGBA, greedy bool) error {
	var xy plotter.XYs
	var half plotter.YErrors
	for _, point := range c.points {
		v := point.Sampled
		if greedy {
			v = point.Greedy
		}
		xy = append(xy, plotter.XY{X: float64(point.Step), Y: v.Mean})
		half = append(half, struct{ Low, High float64 }{v.Mean - v.Low, v.High - v.Mean})
	}
	line, dots, err := plotter.NewLinePoints(xy)
	if err != nil {
		return fmt.Errorf("curve of %s: %w", c.objective, err)
	}
	bars, err := plotter.NewYErrorBars(struct {
		plotter.XYer
		plotter.YErrorer
	}{xy, half})
	if err != nil {
		return fmt.Errorf("curve of %s: %w", c.objective, err)
	}
	pale := color.NRGBA{colour.R, colour.G, colour.B, 90}
	line.Color, line.Width = colour, vg.Points(1.5)
	dots.Color, dots.Radius, dots.Shape = colour, vg.Points(2), draw.CircleGlyph{}
	bars.Color, bars.CapWidth = pale, vg.Points(3)
	p.Add(bars, line, dots)
	p.Legend.Add(c.objective, line, dots)
	return nil
}
