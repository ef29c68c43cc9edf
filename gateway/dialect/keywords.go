package dialect

import (
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// keyword is one that is carried as it is written.
type keyword struct {
	on    types // what it speaks about; 0 is anything
	valid func(any) any
}

// keywords that a dialect may have, beside those that are structure, and those
// that none has but words can say. Each makes of a value one that every draft
// since 06 accepts, or nil.
var keywords = map[string]keyword{
	"format":           {0, isText},
	"pattern":          {tString, isText},
	"minLength":        {tString, isCount},
	"maxLength":        {tString, isCount},
	"contentEncoding":  {0, isText}, // of a string, but it makes nothing one
	"contentMediaType": {0, isText},
	"minimum":          {tNumber, isNumber},
	"maximum":          {tNumber, isNumber},
	"exclusiveMinimum": {tNumber, isNumber},
	"exclusiveMaximum": {tNumber, isNumber},
	"multipleOf":       {tNumber, isPositive},
	"minItems":         {tArray, isCount},
	"maxItems":         {tArray, isCount},
	"uniqueItems":      {tArray, isFlag},
	"minProperties":    {tObject, isCount},
	"maxProperties":    {tObject, isCount},
	"default":          {0, func(v any) any { return v }},
	"examples":         {0, func(v any) any { l, ok := v.([]any); return orNil(l, ok) }},
}

func carry(name string, v any) any {
	k, ok := keywords[name]
	if !ok {
		return nil
	}
	return k.valid(v)
}

func orNil[T any](v T, ok bool) any {
	if !ok {
		return nil
	}
	return v
}

func isText(v any) any { s, ok := v.(string); return orNil(s, ok) }
func isFlag(v any) any { b, ok := v.(bool); return orNil(b, ok) }

// isPattern reports whether an expression is of the syntax that all engines
// share: providers' have no look-ahead and no back references either.
func isPattern(s string) bool {
	_, err := regexp.Compile(s)
	return err == nil
}

// isNumber keeps what a double holds: readers of 1e999 see infinity.
func isNumber(v any) any {
	n, ok := v.(number)
	if !ok {
		return nil
	}
	f, err := json.Number(n).Float64()
	return orNil(n, err == nil && !math.IsInf(f, 0))
}

func isPositive(v any) any {
	n, ok := isNumber(v).(number)
	if !ok {
		return nil
	}
	f, _ := json.Number(n).Float64()
	return orNil(n, f > 0)
}

// isCount writes 2.0 and 2e0 as 2.
func isCount(v any) any {
	n, ok := isNumber(v).(number)
	if !ok || !whole(n) || strings.HasPrefix(string(n), "-") {
		return nil
	}
	f, _ := json.Number(n).Float64()
	return orNil(number(strconv.FormatInt(int64(f), 10)), f < 1<<53)
}

// whole reports whether a number has no fraction, however it is written.
func whole(n number) bool {
	if !strings.ContainsAny(string(n), ".eE") {
		return true
	}
	f, _, err := big.ParseFloat(string(n), 10, 64, big.ToNearestEven)
	return err == nil && f.IsInt()
}
