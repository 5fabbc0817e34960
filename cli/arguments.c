/* SPDX-License-Identifier: MIT
 * Command-line arguments by table. Answers for syntax, ranges and choices; the commands for sense.
 */
#include "cli/arguments.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

typedef struct given {
    const stele_option *option;
    const char *value; /* NULL for a flag */
    int64_t number;    /* INT only */
} given;

struct stele_arguments {
    const stele_option *own;
    const stele_option *common;
    given *given;
    size_t given_count;
    const char **operands;
    size_t operand_count;
};

static const stele_option *find_in(const stele_option *table, const char *name, size_t size,
                                   char letter)
{
    for (const stele_option *option = table; option != NULL && option->name != NULL; option++) {
        if (letter != 0 && option->letter == letter) return option;
        if (name != NULL && strlen(option->name) == size && memcmp(option->name, name, size) == 0)
            return option;
    }
    return NULL;
}

static const stele_option *find_option(const stele_arguments *arguments, const char *name,
                                       size_t size, char letter)
{
    const stele_option *option = find_in(arguments->own, name, size, letter);
    return option != NULL ? option : find_in(arguments->common, name, size, letter);
}

static stele_status check_int(const stele_option *option, const char *text, int64_t *out,
                              stele_error *err)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE || number < option->min ||
        number > option->max)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "--%s %s: expected a whole number from %" PRId64 " to %" PRId64,
                          option->name, text, option->min, option->max);
    *out = number;
    return STELE_OK;
}

static stele_status check_choice(const stele_option *option, const char *text, stele_error *err)
{
    char known[120] = "";
    for (const char *const *choice = option->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, text) == 0) return STELE_OK;
        size_t used = strlen(known);
        if (used + strlen(*choice) + 3 < sizeof known) {
            if (used > 0) memcpy(known + used, ", ", 3), used += 2;
            memcpy(known + used, *choice, strlen(*choice) + 1);
        }
    }
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "--%s %s: expected one of %s",
                      option->name, text, known);
}

static stele_status keep(stele_arguments *arguments, const stele_option *option, const char *value,
                         stele_error *err)
{
    given one = {.option = option, .value = value};
    stele_status status = STELE_OK;
    if (option->kind == STELE_OPTION_INT) status = check_int(option, value, &one.number, err);
    /* As of a variable that is not set: --instance "$HOSTNAME". */
    else if (value != NULL && value[0] == '\0')
        status =
            stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                       "--%s: expected %s, and not an empty word", option->name, option->value);
    else if (option->kind == STELE_OPTION_TEXT && option->choices != NULL)
        status = check_choice(option, value, err);
    if (status < 0) return status;
    arguments->given[arguments->given_count++] = one;
    return STELE_OK;
}

/* One word that begins with a dash, and the next one where it is its value. */
static stele_status take_option(stele_arguments *arguments, int count, char *const *words, int *at,
                                stele_error *err)
{
    const char *word = words[*at];
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    const char *equals = is_long ? strchr(name, '=') : NULL;
    size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const stele_option *option =
        find_option(arguments, is_long ? name : NULL, size, is_long ? '\0' : name[0]);
    if (option == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "no option %s here; see --help",
                          word);
    const char *attached = equals != NULL ? equals + 1 : NULL;
    if (!is_long && name[1] != '\0') attached = name + 1;
    if (option->kind == STELE_OPTION_FLAG) {
        if (attached != NULL)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: --%s takes no value",
                              word, option->name);
        return keep(arguments, option, NULL, err);
    }
    if (attached == NULL && *at + 1 >= count)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s needs a value: %s %s", word,
                          word, option->value);
    if (attached == NULL) attached = words[++*at];
    return keep(arguments, option, attached, err);
}

stele_status stele_arguments_parse(int count, char *const *words, const stele_option *own,
                                   const stele_option *common, stele_arguments **out,
                                   stele_error *err)
{
    stele_arguments *arguments = stele_alloc(sizeof *arguments);
    size_t room = (size_t)count + 1;
    arguments->own = own;
    arguments->common = common;
    arguments->given = stele_alloc_array(room, sizeof *arguments->given);
    arguments->operands = stele_alloc_array(room, sizeof *arguments->operands);
    bool options_ended = false;
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        if (!options_ended && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (options_ended || word[0] != '-' || word[1] == '\0') {
            arguments->operands[arguments->operand_count++] = word;
        } else {
            stele_status status = take_option(arguments, count, words, &i, err);
            if (status < 0) {
                stele_arguments_free(arguments);
                return status;
            }
        }
    }
    *out = arguments;
    return STELE_OK;
}

void stele_arguments_free(stele_arguments *arguments)
{
    if (arguments == NULL) return;
    free(arguments->given);
    free(arguments->operands);
    free(arguments);
}

size_t stele_arguments_count(const stele_arguments *arguments)
{
    return arguments->operand_count;
}

const char *stele_arguments_operand(const stele_arguments *arguments, size_t index)
{
    return index < arguments->operand_count ? arguments->operands[index] : NULL;
}

/* The last time an option was given, or NULL. */
static const given *find_given(const stele_arguments *arguments, const char *name)
{
    const stele_option *option = find_option(arguments, name, strlen(name), '\0');
    assert(option != NULL);
    for (size_t i = arguments->given_count; i > 0; i--)
        if (arguments->given[i - 1].option == option) return &arguments->given[i - 1];
    return NULL;
}

bool stele_arguments_flag(const stele_arguments *arguments, const char *name)
{
    return find_given(arguments, name) != NULL;
}

const char *stele_arguments_text(const stele_arguments *arguments, const char *name,
                                 const char *fallback)
{
    const given *one = find_given(arguments, name);
    return one != NULL ? one->value : fallback;
}

int64_t stele_arguments_int(const stele_arguments *arguments, const char *name, int64_t fallback)
{
    const given *one = find_given(arguments, name);
    return one != NULL ? one->number : fallback;
}

const char **stele_arguments_list(const stele_arguments *arguments, const char *name)
{
    const stele_option *option = find_option(arguments, name, strlen(name), '\0');
    assert(option != NULL);
    const char **list = stele_alloc_array(arguments->given_count + 1, sizeof *list);
    size_t count = 0;
    for (size_t i = 0; i < arguments->given_count; i++)
        if (arguments->given[i].option == option) list[count++] = arguments->given[i].value;
    return list;
}
