// SPDX-License-Identifier: Apache-2.0
/*
 * Words to a command and its parameters. Every error names the word that is wrong, what was
 * expected and, if one is near, what was probably meant.
 */
#include <errno.h>
#include <string.h>

#include "grammar.h"
#include "policy.h"

#define IF_NEEDED "--if-needed"

/* Whether word @index of @words is @word; NULL asks whether there is such a word at all. */
static bool word_is(const char *words, int index, const char *word)
{
	for (; index > 0; index--) {
		words = strchr(words, ' ');
		if (!words)
			return false;
		words++;
	}
	return !word ||
	       (strcspn(words, " ") == strlen(word) && !strncmp(words, word, strcspn(words, " ")));
}

static bool starts_with(const struct ecs_command *command, int argc, char *const argv[])
{
	for (int i = 0; i < argc; i++)
		if (!word_is(command->words, i, argv[i]))
			return false;
	return true;
}

static const char *word_at(const char *words, int index, size_t *len)
{
	for (; index > 0; index--)
		words = strchr(words, ' ') + 1;
	*len = strcspn(words, " ");
	return words;
}

/* The words that may follow the first @known ones, as "list, add or set", each once. */
static void list_next(int known, char *const argv[], struct ecs_nearest *nearest, char *buf,
		      size_t size)
{
	const char *last = NULL;
	size_t used = 0, last_len = 0;

	buf[0] = '\0';
	for (const struct ecs_command *c = ecs_commands; c->words; c++) {
		const char *word;
		size_t len;

		if (!starts_with(c, known, argv) || !word_is(c->words, known, NULL))
			continue;
		word = word_at(c->words, known, &len);
		ecs_nearest_offer(nearest, word, len);
		if (last && last_len == len && !strncmp(last, word, len))
			continue;
		last = word;
		last_len = len;
		used += (size_t)snprintf(buf + used, used < size ? size - used : 0, "%s%.*s",
					 used ? ", " : "", (int)len, word);
		if (used >= size)
			used = size - 1;
	}
}

static int fail_unknown(int known, int argc, char *const argv[], struct ecs_err *err)
{
	struct ecs_nearest nearest = {.word = known < argc ? argv[known] : ""};
	char quoted[ECS_QUOTE_MAX], hint[64], next[256];

	list_next(known, argv, &nearest, next, sizeof(next));
	ecs_nearest_hint(&nearest, hint, sizeof(hint));
	if (known >= argc)
		return ecs_fail(err, -EINVAL, "%s%sexpected one of: %s",
				known ? argv[known - 1] : "no command",
				known ? " is not complete: " : ": ", next);
	ecs_quote(quoted, argv[known]);
	if (!known && hint[0])
		return ecs_fail(err, -EINVAL, "unknown command %s%s", quoted, hint);
	return ecs_fail(err, -EINVAL, "unknown %s %s%s%s: expected one of: %s%s",
			known ? "word" : "command", quoted, known ? " after " : "",
			known ? argv[known - 1] : "", next, hint);
}

/* The command whose words @argv starts with; the longest, if one is the start of another. */
static const struct ecs_command *find_command(int argc, char *const argv[], int *words,
					      struct ecs_err *err)
{
	const struct ecs_command *best = NULL;
	int known = 0;

	*words = 0;
	for (const struct ecs_command *c = ecs_commands; c->words; c++) {
		int i = 0;

		while (i < argc && word_is(c->words, i, argv[i]))
			i++;
		if (i > known)
			known = i;
		if (!word_is(c->words, i, NULL) && i > *words) {
			best = c;
			*words = i;
		}
	}
	if (!best)
		fail_unknown(known, argc, argv, err);
	return best;
}

static int fail_word(const struct ecs_command *command, const char *word, struct ecs_err *err)
{
	struct ecs_nearest nearest = {.word = word};
	char quoted[ECS_QUOTE_MAX], hint[64], synopsis[ECS_SYNOPSIS_MAX];

	for (const struct ecs_param *param = command->params; param->type; param++)
		if (param->keyword)
			ecs_nearest_offer(&nearest, param->keyword, strlen(param->keyword));
	ecs_command_synopsis(command, synopsis, sizeof(synopsis));
	ecs_nearest_hint(&nearest, hint, sizeof(hint));
	return ecs_fail(err, -EINVAL, "%s: unexpected word %s%s%s usage: %s", command->words,
			ecs_quote(quoted, word), hint, hint[0] ? "" : ";", synopsis);
}

static int set_value(const struct ecs_command *command, const struct ecs_param *param,
		     const char *word, json_t *params, struct ecs_err *err)
{
	char quoted[ECS_QUOTE_MAX], expects[ECS_EXPECTS_MAX];
	json_t *value = ecs_param_from_text(param, word);

	if (!value)
		return ecs_fail(err, -EINVAL, "%s: %s is no value for %s: expected %s",
				command->words, ecs_quote(quoted, word),
				param->keyword ? param->keyword
				: param->meta  ? param->meta
					       : param->name,
				ecs_param_expects(param, expects, sizeof(expects)));
	if (json_object_set_new(params, param->name, value) < 0)
		return ecs_fail(err, -ENOMEM, "out of memory");
	return 0;
}

/* A policy, which may be several words, at @argv[0]. Return: words used, its keyword's too; -errno.
 */
static int take_policy(const struct ecs_command *command, const struct ecs_param *param, int argc,
		       char *const argv[], json_t *params, struct ecs_err *err)
{
	int words = ecs_policy_words(argc, argv), rc;
	char text[ECS_POLICY_TEXT_MAX] = "";

	for (int i = 0; i < words; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", argv[i]);
	}
	rc = set_value(command, param, text, params, err);
	return rc < 0 ? rc : 1 + words;
}

/* A keyword and its value at @argv[0]. Return: words used; -errno. */
static int take_keyword(const struct ecs_command *command, const struct ecs_param *param, int argc,
			char *const argv[], json_t *params, struct ecs_err *err)
{
	char expects[ECS_EXPECTS_MAX];
	int rc;

	if (json_object_get(params, param->name))
		return ecs_fail(err, -EINVAL, "%s: \"%s\" is given twice: once is enough",
				command->words, param->keyword);
	if (param->type == ECS_TYPE_FLAG) {
		bool off = param->nullable && argc > 1 && !strcmp(argv[1], "none");

		if (json_object_set_new(params, param->name, off ? json_null() : json_true()) < 0)
			return ecs_fail(err, -ENOMEM, "out of memory");
		return off ? 2 : 1;
	}
	if (argc < 2)
		return ecs_fail(err, -EINVAL, "%s: \"%s\" has no value: expected %s",
				command->words, param->keyword,
				ecs_param_expects(param, expects, sizeof(expects)));
	if (param->type == ECS_TYPE_POLICY)
		return take_policy(command, param, argc - 1, argv + 1, params, err);
	rc = set_value(command, param, argv[1], params, err);
	return rc < 0 ? rc : 2;
}

/* The next positional parameter without a value. */
static const struct ecs_param *next_positional(const struct ecs_command *command,
					       const json_t *params)
{
	for (const struct ecs_param *param = command->params; param->type; param++)
		if (!param->keyword && !json_object_get(params, param->name))
			return param;
	return NULL;
}

/* What one word, or a keyword with its value, says. Return: words used; -errno. */
static int take_word(const struct ecs_command *command, int argc, char *const argv[],
		     json_t *params, struct ecs_err *err)
{
	const struct ecs_param *place = next_positional(command, params);
	const struct ecs_param *keyword = ecs_param_by_keyword(command, argv[0]);
	int rc;

	/* "from network NAME" is "network NAME"; but a link may be called "network". */
	if (keyword && !strcmp(argv[0], "from") && argc > 2 && !strcmp(argv[1], "network") &&
	    ecs_param_by_keyword(command, argv[1]) && !ecs_param_by_keyword(command, argv[2]))
		return 1;
	/* A required place comes first, so that a network may be called "uplink". */
	if (keyword && (!place || place->optional))
		return take_keyword(command, keyword, argc, argv, params, err);
	if (!place)
		return fail_word(command, argv[0], err);
	rc = set_value(command, place, argv[0], params, err);
	return rc < 0 ? rc : 1;
}

static int parse_words(int argc, char *const argv[], bool if_needed, const struct ecs_command **out,
		       json_t *params, struct ecs_err *err)
{
	const struct ecs_command *command;
	int used, rc = 0;

	command = find_command(argc, argv, &used, err);
	if (!command)
		return -EINVAL;
	if (if_needed && !(command->flags & ECS_COMMAND_CONFIG))
		return fail_word(command, IF_NEEDED, err);
	for (int i = used; i < argc && rc >= 0; i += rc)
		rc = take_word(command, argc - i, argv + i, params, err);
	if (rc < 0)
		return rc;
	rc = ecs_command_complete(command, params, err);
	if (rc < 0)
		return rc;
	if (if_needed && json_object_set_new(params, "if_needed", json_true()) < 0)
		return ecs_fail(err, -ENOMEM, "out of memory");
	*out = command;
	return 0;
}

int ecs_command_parse(int argc, char *const argv[], const struct ecs_command **out, json_t **params,
		      struct ecs_err *err)
{
	char *words[ECS_WORDS_MAX];
	bool if_needed = false;
	json_t *object;
	int n = 0, rc;

	if (argc > ECS_WORDS_MAX)
		return ecs_fail(err, -EINVAL, "%d words are too many: a command has at most %d",
				argc, ECS_WORDS_MAX);
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], IF_NEEDED))
			if_needed = true;
		else
			words[n++] = argv[i];
	}
	object = json_object();
	if (!object)
		return ecs_fail(err, -ENOMEM, "out of memory");
	rc = parse_words(n, words, if_needed, out, object, err);
	if (rc < 0)
		json_decref(object);
	else
		*params = object;
	return rc;
}
