package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/grouprl/grouprl/grpo"
	"github.com/grouprl/grouprl/grpo/grpotest"
)

const (
	columns = 4
	rows    = 4
	cell    = 150 * vg.Millimeter / 3
	header  = 9 * vg.Millimeter
	margin  = 4 * vg.Millimeter
	limit   = 3.2 // of the axes
)

var (
	right = color.RGBA{R: 0x1f, G: 0x6f, B: 0xb4, A: 0xff}
	wrong = color.RGBA{R: 0xc8, G: 0x3c, B: 0x32, A: 0xff}
	grey  = color.Gray{Y: 0xd8}
	ink   = color.Gray{Y: 0x30}
)

// pictures draws one panel a surrogate, a sheet of columns x rows a file.
func pictures(format string) (map[string][]byte, error) {
	var panels []*plot.Plot
	for _, row := range grpotest.Catalogue() {
		if row.Kind != grpotest.Surrogate {
			continue
		}
		p, err := panel(row)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.Name, err)
		}
		panels = append(panels, p)
	}
	files := map[string][]byte{}
	for sheet := 0; len(panels) > 0; sheet++ {
		n := min(len(panels), columns*rows)
		content, err := page(panels[:n], format)
		if err != nil {
			return nil, err
		}
		files[fmt.Sprintf("gallery-%d.%s", sheet+1, format)] = content
		panels = panels[n:]
	}
	return files, nil
}

// panel is one surrogate: derivative solid, loss dashed, for both signs of the
// advantage.
func panel(row grpotest.Row) (*plot.Plot, error) {
	o := row.New()
	low, high := 0.02, limit
	if c, ok := o.Surrogate.(grpo.Clip); ok && c.High < 0.01 {
		low, high = 0.9988, 1.0012
	}
	positive, negative, err := sweep(o, low, high)
	if err != nil {
		return nil, err
	}
	p := plot.New()
	p.Title.Text = row.Name
	p.Title.TextStyle.Font.Size = 9
	p.Title.TextStyle.Font.Weight = 3 // bold
	p.Title.TextStyle.Color = ink
	p.Title.Padding = 1 * vg.Millimeter
	p.X.Min, p.X.Max = 0, high
	ticks := []float64{0, 1, 2, 3}
	if high < 2 {
		p.X.Min = low
		ticks = []float64{0.999, 1, 1.001}
	}
	p.X.Tick.Marker = marks(ticks)
	p.Y.Tick.Marker = marks([]float64{-3, -2, -1, 0, 1, 2, 3})
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Tick.Label.Font.Size = 6.5
		a.Tick.Label.Color = ink
		a.Tick.Length = 1.5
		a.LineStyle.Width = 0.4
		a.Tick.LineStyle.Width = 0.4
		a.Padding = 0
	}
	for _, guide := range []plotter.XYs{
		{{X: p.X.Min, Y: 0}, {X: p.X.Max, Y: 0}}, {{X: 1, Y: -limit}, {X: 1, Y: limit}},
	} {
		l, err := plotter.NewLine(guide)
		if err != nil {
			return nil, err
		}
		l.Width, l.Color = 0.5, grey
		p.Add(l)
	}
	for _, c := range []struct {
		xy     plotter.XYs
		color  color.Color
		dashed bool
	}{{positive.loss, right, true}, {negative.loss, wrong, true}, {positive.gradient, right, false}, {negative.gradient, wrong, false}} {
		for _, run := range runs(c.xy) {
			l, err := plotter.NewLine(run)
			if err != nil {
				return nil, err
			}
			style(&l.LineStyle, c.color, c.dashed)
			p.Add(l)
		}
	}
	p.Y.Min, p.Y.Max = -limit, limit // Add has widened them
	return p, nil
}

func style(s *draw.LineStyle, c color.Color, dashed bool) {
	s.Color, s.Width = c, 1.3
	if dashed {
		s.Width, s.Dashes = 0.8, []vg.Length{2.5, 2}
	}
}

// runs cuts a curve where it jumps, so that a jump is not drawn as a slope.
func runs(xy plotter.XYs) (all []plotter.XYs) {
	from := 0
	for i := 1; i <= len(xy); i++ {
		if i == len(xy) || math.Abs(xy[i].Y-xy[i-1].Y) > 0.2 && math.Abs(xy[i].Y) < limit && xy[i].X > 0.2 {
			if i-from > 1 {
				all = append(all, xy[from:i])
			}
			from = i
		}
	}
	return all
}

func marks(at []float64) plot.ConstantTicks {
	var t plot.ConstantTicks
	for _, x := range at {
		t = append(t, plot.Tick{Value: x, Label: fmt.Sprint(x)})
	}
	return t
}

// page lays panels out under a legend.
func page(panels []*plot.Plot, format string) ([]byte, error) {
	lines := (len(panels) + columns - 1) / columns
	width, height := columns*cell+2*margin, vg.Length(lines)*cell+header+2*margin
	var canvas vg.CanvasWriterTo
	var sized vg.CanvasSizer
	switch format {
	case "svg":
		c := vgsvg.New(width, height)
		canvas, sized = c, c
	case "png":
		c := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(144))}
		canvas, sized = c, c
	default:
		return nil, fmt.Errorf("format %q: want svg or png", format)
	}
	c := draw.New(sized)
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	legend(c)
	body := draw.Crop(c, margin, -margin, margin, -margin-header)
	tiles := draw.Tiles{Rows: lines, Cols: columns, PadX: 3 * vg.Millimeter, PadY: 3 * vg.Millimeter}
	grid := make([][]*plot.Plot, lines)
	for i := range grid {
		grid[i] = make([]*plot.Plot, columns)
		for j := range columns {
			if k := i*columns + j; k < len(panels) {
				grid[i][j] = panels[k]
			}
		}
	}
	canvases := plot.Align(grid, tiles, body)
	for i, line := range grid {
		for j, p := range line {
			if p != nil {
				p.Draw(canvases[i][j])
			}
		}
	}
	var b bytes.Buffer
	_, err := canvas.WriteTo(&b)
	return b.Bytes(), err
}

// legend writes what the lines are, once a page.
func legend(c draw.Canvas) {
	sty := text.Style{Color: ink, Font: plot.DefaultFont, YAlign: text.YCenter, Handler: plot.DefaultTextHandler}
	sty.Font.Size = 7.5
	y := c.Max.Y - margin - header/2
	x := c.Min.X + margin + 6*vg.Millimeter
	for _, e := range []struct {
		name   string
		color  color.Color
		dashed bool
	}{
		{"derivative by log pi, A = 1", right, false}, {"loss, A = 1", right, true},
		{"derivative, A = -1", wrong, false}, {"loss, A = -1", wrong, true},
	} {
		var s draw.LineStyle
		style(&s, e.color, e.dashed)
		c.StrokeLine2(s, x, y, x+7*vg.Millimeter, y)
		x += 9 * vg.Millimeter
		c.FillText(sty, vg.Point{X: x, Y: y}, e.name)
		x += sty.Width(e.name) + 4*vg.Millimeter
	}
	c.FillText(sty, vg.Point{X: x, Y: y}, "against the ratio (a loss that equals its derivative lies under it)")
}
