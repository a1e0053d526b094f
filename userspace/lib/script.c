// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration file: lines to words to commands. Reads any bytes; what it cannot take it
 * refuses with the file and the line.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include <ecswitch/cleanup.h>

#include "grammar.h"

#define LINE_MAX_BYTES 4096
#define LINES_MAX 65536

/* One quoted word at @p, which stands after its opening quote; unescaped in place. */
static int take_quoted(char **p, char **word, struct ecs_err *err)
{
	char *to = *p, *from = *p;

	*word = to;
	while (*from != '"') {
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		if (!*from)
			return ecs_fail(err, -EINVAL, "a quote (\") is not closed");
		*to++ = *from++;
	}
	from++;
	if (*from && !isspace((unsigned char)*from))
		return ecs_fail(err, -EINVAL, "a space is missing after a closing quote (\")");
	*p = *from ? from + 1 : from;
	*to = '\0';
	return 0;
}

static int take_plain(char **p, char **word, struct ecs_err *err)
{
	char quoted[ECS_QUOTE_MAX], *end = *p;

	*word = *p;
	while (*end && !isspace((unsigned char)*end))
		end++;
	*p = *end ? end + 1 : end;
	*end = '\0';
	if (strchr(*word, '"'))
		return ecs_fail(err, -EINVAL, "quote the whole word, not a part of it: %s",
				ecs_quote(quoted, *word));
	return 0;
}

/* Splits in place. Return: number of words; -EINVAL. */
static int split_words(char *line, char *words[ECS_WORDS_MAX], struct ecs_err *err)
{
	int n = 0;

	for (char *p = line;;) {
		int rc;

		while (isspace((unsigned char)*p))
			p++;
		if (!*p || *p == '#')
			return n;
		if (n == ECS_WORDS_MAX)
			return ecs_fail(err, -EINVAL, "more than %d words on the line",
					ECS_WORDS_MAX);
		if (*p == '"') {
			p++;
			rc = take_quoted(&p, &words[n], err);
		} else {
			rc = take_plain(&p, &words[n], err);
		}
		if (rc < 0)
			return rc;
		n++;
	}
}

static int parse_line(char *line, size_t len, int number, json_t *commands, struct ecs_err *err)
{
	const struct ecs_command *command;
	char *words[ECS_WORDS_MAX];
	json_t *params;
	int n, rc;

	if (len > LINE_MAX_BYTES)
		return ecs_fail(err, -EINVAL, "the line is longer than %d bytes", LINE_MAX_BYTES);
	if (memchr(line, '\0', len))
		return ecs_fail(err, -EINVAL, "the line has a NUL byte: is this a text file?");
	n = split_words(line, words, err);
	if (n <= 0)
		return n;
	rc = ecs_command_parse(n, words, &command, &params, err);
	if (rc < 0)
		return rc;
	if (!(command->flags & ECS_COMMAND_CONFIG)) {
		json_decref(params);
		return ecs_fail(err, -EINVAL,
				"\"%s\" cannot stand in a file: it configures nothing",
				command->words);
	}
	if (json_array_append_new(commands, json_pack("{s:i, s:s, s:o}", "line", number, "method",
						      command->method, "params", params)) < 0)
		return ecs_fail(err, -ENOMEM, "out of memory");
	return 0;
}

/*
 * One line without its end into @line of LINE_MAX_BYTES + 2. Of a longer one no more is read:
 * nothing follows a refused line, and /dev/zero has no end.
 * Return: its length, LINE_MAX_BYTES + 1 if it is too long; -1 at the end of the file.
 */
static int read_line(FILE *in, char *line)
{
	int len = 0, c = getc(in);

	if (c == EOF)
		return -1;
	for (; c != EOF && c != '\n' && len <= LINE_MAX_BYTES; c = getc(in))
		line[len++] = (char)c;
	line[len] = '\0';
	return len;
}

static int parse_lines(FILE *in, json_t *commands, int *number, struct ecs_err *err)
{
	static const char bom[] = "\xef\xbb\xbf"; /* some editors put it before UTF-8 */
	char line[LINE_MAX_BYTES + 2];
	int len;

	while ((len = read_line(in, line)) >= 0) {
		size_t skip = 0;
		int rc;

		if (++*number > LINES_MAX)
			return ecs_fail(err, -EINVAL, "the file has more than %d lines", LINES_MAX);
		if (*number == 1 && !strncmp(line, bom, strlen(bom)))
			skip = strlen(bom);
		rc = parse_line(line + skip, (size_t)len - skip, *number, commands, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int ecs_script_parse(FILE *in, const char *name, json_t **out, struct ecs_err *err)
{
	struct ecs_err reason = {0};
	json_t *commands = json_array();
	int number = 0, rc;

	if (!commands)
		return ecs_fail(err, -ENOMEM, "out of memory");
	errno = 0;
	rc = parse_lines(in, commands, &number, &reason);
	if (rc < 0)
		ecs_fail(err, rc, "%s:%d: %s", name, number, reason.text);
	else if (ferror(in)) /* a directory can be opened, but not read */
		rc = ecs_fail(err, errno ? -errno : -EIO, "%s: cannot be read: %m", name);
	if (rc < 0)
		json_decref(commands);
	else
		*out = commands;
	return rc;
}
