package main

import "strings"

const (
	uint64Max     = "18446744073709551615"
	overUint64Max = "18446744073709551616"

	// The library's caps, in bytes and in alternatives.
	versionCap     = 256
	rangeCap       = 512
	alternativeCap = 32
)

var versions = []string{
	// Releases, about the bounds that the ranges below have.
	"0.0.0", "0.0.1", "0.1.0", "0.2.3", "0.9.9", "1.0.0", "1.2.2", "1.2.3", "1.2.4", "1.3.0", "1.10.0", "1.11.0",
	"2.0.0", "2.0.1", "2.1.0", "2.1.9", "2.7.1", "3.0.0", "3.1.4", "10.0.0",

	// Pre-releases, in and out of order.
	"0.0.0-0", "0.0.0-alpha", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-A", "1.0.0-a", "1.0.0-alpha", "1.0.0-alpha.1",
	"1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc", "1.0.0-rc.1", "1.0.0-rc1", "1.0.0--", "1.0.0-0a",
	"1.2.3-rc.1", "1.2.3-rc.2", "2.0.0-beta.1", "2.0.0-rc.1", "2.1.0-rc.1", "2.7.1-rc.1", "3.0.0-0", "3.0.0-rc.1",
	"3.1.0-alpha",

	// Build metadata, which does not count.
	"1.2.3+build.5", "1.2.3+001", "1.2.3-rc.1+sha.5114f85", "2.0.0+a-b",

	// What only the lenient reading takes.
	"v1.2.3", "v2", "1", "2.1", "1-rc", "1.2-rc.1", "2+meta", "01.002.0003", "00", "20240101",

	// Large numbers: those over a uint64 are refused, but in a pre-release they are texts.
	uint64Max + ".0.0", "1." + uint64Max + ".0", "1.2." + uint64Max, overUint64Max + ".0.0", "1.2." + overUint64Max,
	"1.0.0-" + uint64Max, "1.0.0-" + overUint64Max, "1.0.0-9" + overUint64Max,

	// At the cap, and over it.
	"1.0.0-" + strings.Repeat("a", versionCap-len("1.0.0-")), "1.0.0-" + strings.Repeat("a", versionCap-len("1.0.0-")+1),

	// Invalid.
	"", " ", "v", "V1.2.3", "vv1.2.3", "=1.2.3", " 1.2.3", "1.2.3 ", "1.2.3\n", "1.2.3.4", "1..3", ".1.2", "1.2.", "1.x.3",
	"*", "-1.2.3", "+1.2.3", "1.2.3-", "1.2.3+", "1.2.3-rc..1", "1.2.3-rc.", "1.2.3-01", "1.2.3-rc.01", "1.2.3-rc_1",
	"1.2.3+a+b", "1,2,3", "latest", "one", "1.2.3-é", "１.2.3", "٣.1.4", "1.2.3\x00", "0x1.2.3", "1e3.0.0",
}

var ranges = []string{
	// Every operator with a whole bound.
	"1.2.3", "=1.2.3", "!=1.2.3", ">1.2.3", ">=1.2.3", "=>1.2.3", "<1.2.3", "<=1.2.3", "=<1.2.3", "~1.2.3", "~>1.2.3", "^1.2.3",

	// Every operator with an open patch, an open minor number, and nothing given.
	"1.2", "=2.1", "!=2.1", ">2.1", ">=2.1", "<2.1", "<=2.1", "~2.1", "^2.1",
	"2", "=2", "!=2", ">2", ">=2", "<2", "<=2", "~2", "~>2", "^2",
	"*", "=*", "!=*", ">*", ">=*", "<*", "<=*", "~*", "^*",

	// The ways to write an open number, and what may follow one.
	"2.x", "2.X", "2.*", "2.x.x", "2.*.3", "2.1.x", "x", "X.Y", "x.1.2", "x.x.x", "!=2.x", ">=2.x", "^2.1.x", "~0.x", "^0.x",
	"2.x.99999999999999999999", "2.xx", "2x", "2.1.3x", "**", "2.**",

	// Zeros, which tilde and caret treat apart.
	"~0.0.0", "~0", "~0.0", "~0.1", "^0.0.0", "^0", "^0.0", "^0.0.1", "^0.2.3", "^0.2", "0.0.0", "<=0", "<=0.0", ">0",

	// Pre-releases in the range: then, and in that alternative only, pre-releases match.
	">=2.0.0-0", ">=2.0.0-beta.1 <3.0.0", ">=2.0.0-0 <3.0.0-0", "^2.0.0-rc.1", "~1.2.3-rc.1", "1.2.3-rc.1", "!=1.2.3-rc.1",
	"!=1.2-rc.1", "!=1-rc", ">1.0.0-alpha", "<=1.0.0-rc.1", "<1.0.0-beta.11", "*-0", ">=*-0", "<=*-0", "2.x-0", "2-0", "2.1-0", ">=0-0",
	"<3.0.0-0, >=2", ">=2.0.0 || <1.0.0-beta", "!=2.1, >0.0.0-0", "^0-0", "~0-0",
	">1.0.0-" + uint64Max, ">=1.0.0-" + overUint64Max,

	// Several comparators, and several alternatives.
	">=2.0.0, <3.0.0", ">=2.0.0 <3.0.0", ">=2.0.0,<3.0.0", ">= 2.0.0 , < 3.0.0", "  >=2.0.0\t<3.0.0\n", ">=1 !=2.1 <3",
	"^1.2 || ^2.1", "1.x||3.x", "<1 || >2 || =1.2.3", ">3 <1", "1 2", "~1.2 || 2.0.0 - 2.1.0", "^1||x", "x.||",

	// Hyphens.
	"1.2 - 2.3.4", "1.2.3 - 2", "v1.2 - v2.1.0", "1 - 2 || 3.1 - 4", "1.2.3-rc.1 - 2.0.0-rc.1", "2 - 1", " 1.2  -  2.1 ", "x - 2", "1 - *",
	"1.0.0, 1 - 2", "1 - 2 !=1.2.3", "1.0.0 1 - 2", "1 - 2, 1 - 2", ">=1 - 2", "1 - >=2", "1 -2", "1- 2", "1-2", "1 - 2 - 3",
	"3||1 - 2", "1 - 2||3 - 4", "1 - 2||x",

	// Prefixes, padding, metadata, white space.
	"v1.2.3", ">=v2", "vx", "V1", ">=01.002", "=1.2.3+build.5", "1.2+meta", "2.x+meta", ">= \n1.2.3", "\t2", ">=2\v<3", ">=2\u00a0<3",

	// The stray bars that the library lets pass for digits, and those that it does not.
	"*.|", "2.x.|", "x|", "1|2", "1 | 2", "|", "1 ||| 2", "||", "1 ||", "|| 1",

	// Large numbers.
	">=" + uint64Max, "<" + uint64Max + "." + uint64Max, ">=" + overUint64Max, "1.2." + overUint64Max,

	// Invalid.
	"", " ", ",", ">=", "^", "~", "!", "!2", "==1.2.3", "===1", "><1", ">>1", "<>1", "> =1", "~ >1", "^^1", "^>1", "~=1", "≥1", ">=1,,<2",
	">=1,", ",>=1", ">=1<2", ">=1;<2", ">=1 && <2", ">=1 and <2", ">=1 or <1", "(>=1)", "latest", "foo || 1", "1 || foo", "1.2.3.4", "1..2",
	".1", "1.", "1.2.3-", "1.2.3-01", "1.x-01", "1.2.3-rc..1", "1.2.3+", "1.2.3-é", "２.x", "٢", ">=1.2.3\x00", "'1.2.3'", "[1,2)",

	// The caps.
	strings.Repeat(" ", rangeCap-1) + "2", strings.Repeat(" ", rangeCap) + "2",
	">=1.0.0-" + strings.Repeat("a", versionCap-len("1.0.0-")), ">=1.0.0-" + strings.Repeat("a", versionCap-len("1.0.0-")+1),
	strings.Repeat("9||", alternativeCap-1) + "1", strings.Repeat("9||", alternativeCap) + "1",
}
