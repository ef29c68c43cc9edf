package main

import (
	"math"

	"toolward/guard/eval"
)

// bigrams counts which letter follows which in benign text and returns the
// table that guard/decode/normal embeds: for letters and the space, 27 by 27, the
// logarithm of how much likelier than chance a pair is, in sixteenths of a bit.
func bigrams(rows []eval.Row) []byte {
	var count [27][27]float64
	for i := range rows {
		if rows[i].Label != eval.Benign || rows[i].Source == "secrets-negatives" {
			continue
		}
		prev := 26
		for k := range len(rows[i].Text) {
			cur := 26
			if c := rows[i].Text[k] | 0x20; c >= 'a' && c <= 'z' {
				cur = int(c - 'a')
			}
			if prev != 26 || cur != 26 {
				count[prev][cur]++
			}
			prev = cur
		}
	}
	table := make([]byte, 0, 27*27)
	for a := range count {
		sum := 0.0
		for _, n := range count[a] {
			sum += n + 2
		}
		for _, n := range count[a] {
			bits := math.Log2((n + 2) / sum * 27)
			table = append(table, byte(int8(math.Round(16*min(max(bits, -7), 7)))))
		}
	}
	return table
}
