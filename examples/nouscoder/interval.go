package main

import "math"

// interval is a mean with the half width of its 95 % interval.
type interval struct{ Mean, Half float64 }

// clustered is the mean of x with a 95 % interval that treats the values of one
// cluster as dependent: problems of one composition are solved or missed together.
//
//	se² = C/(C-1) · sum over clusters of (sum over the cluster of (x_i - mean))² / n²
//
// With one problem a cluster it is the usual standard error. The interval is
// mean ± 1.96 se, infinite for fewer than two clusters.
func clustered(x []float64, clusters []string) interval {
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	index := map[string]int{} // a slice keeps the order, and so the bits, of the sum below
	var sums []float64
	for i, v := range x {
		k, ok := index[clusters[i]]
		if !ok {
			k = len(sums)
			index[clusters[i]] = k
			sums = append(sums, 0)
		}
		sums[k] += v - mean
	}
	if len(sums) < 2 {
		return interval{mean, math.Inf(1)}
	}
	squares := 0.0
	for _, s := range sums {
		squares += s * s
	}
	c := float64(len(sums))
	return interval{mean, 1.96 * math.Sqrt(c/(c-1)*squares) / float64(len(x))}
}

// paired is the interval of the mean difference between two runs over the same
// problems.
func paired(end, start []float64, clusters []string) interval {
	d := make([]float64, len(end))
	for i := range d {
		d[i] = end[i] - start[i]
	}
	return clustered(d, clusters)
}
