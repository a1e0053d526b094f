# SPDX-License-Identifier: Apache-2.0
# TAP to one line a test, the output of failed ones with it. Variables: suite, only (words that
# select tests), ci (a skip is a failure), counts (file for "passed failed skipped").

function selected(name,   i, n, words)
{
	n = split(only, words, " ")
	for (i = 1; i <= n; i++)
		if (index(name, words[i]))
			return 1
	return n == 0
}

# "ok 3 - name # SKIP why" and cmocka's "not ok 3 # SKIP name".
function parse(line)
{
	skip = match(line, /# *[Ss][Kk][Ii][Pp]/)
	why = skip ? substr(line, RSTART + RLENGTH + 1) : ""
	name = skip ? substr(line, 1, RSTART - 1) : line
	sub(/^(not )?ok *[0-9]* *-? */, "", name)
	sub(/ +$/, "", name)
	if (name == "") {
		name = why
		why = ""
	}
}

function flush_output(   i)
{
	for (i = 1; i <= n_output; i++)
		print "    " output[i]
	n_output = 0
}

/^1\.\.[0-9]+/ {
	planned = substr($1, 4) + 0
	if (planned == 0 && /# *SKIP/) {
		sub(/.*# *SKIP */, "")
		result("skip", "all", $0)
	}
	next
}

function result(kind, name, why)
{
	name = name == "" ? suite : suite "/" name
	if (kind == "skip" && ci == "true") {
		kind = "fail"
		why = "skipped: " why
	}
	if (kind == "pass") {
		passed++
		print "ok " name
	} else if (kind == "skip") {
		skipped++
		print "skip " name (why == "" ? "" : ": " why)
	} else {
		failed++
		print "FAIL " name (why == "" ? "" : " (" why ")")
		flush_output()
	}
	fflush()
}

/^(not )?ok( |$)/ {
	seen++
	parse($0)
	failing = 0
	if (selected(name)) {
		if (skip)
			result("skip", name, why)
		else if (/^ok/)
			result("pass", name, "")
		else {
			result("fail", name, "")
			failing = 1
		}
	}
	n_output = 0
	next
}

/^exit status [0-9]+$/ {
	status = $3
	next
}

{
	sub(/^# ?/, "")
	if (failing)
		print "    " $0
	else if (n_output < 200)
		output[++n_output] = $0
}

END {
	if (status == 124 || status == 137)
		result("fail", "", "took too long")
	else if (status != 0 && !failed)
		result("fail", "", "ended with status " status)
	else if (planned > seen)
		result("fail", "", "ran only " seen + 0 " of " planned " tests")
	print passed + 0, failed + 0, skipped + 0 > counts
}
