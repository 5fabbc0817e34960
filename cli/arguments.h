/* SPDX-License-Identifier: MIT
 * Command-line arguments by table: options with one or two dashes, operands in any place between
 * them, "--" ends the options. Knows nothing of what the commands do. */
#ifndef STELE_CLI_ARGUMENTS_H
#define STELE_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stele/error.h>

#include "core/scope.h"

typedef enum stele_option_kind {
    STELE_OPTION_FLAG = 0, /* present or not                  */
    STELE_OPTION_TEXT,     /* one value; the last one counts  */
    STELE_OPTION_INT,      /* a whole number within its range */
    STELE_OPTION_LIST      /* a value each time it is given   */
} stele_option_kind;

/** An option of a command. A table of them ends with .name == NULL. */
typedef struct stele_option {
    const char *name; /* "timeout": written --timeout */
    char letter;      /* 'c': written -c as well; 0: none */
    stele_option_kind kind;
    const char *value; /* what the help shows for the value: "FILE" */
    const char *help;
    bool required;              /* TEXT only */
    int64_t min, max;           /* INT only */
    const char *const *choices; /* TEXT only: NULL-terminated, or NULL for any text */
} stele_option;

/** What a person typed; all texts are borrowed from argv. */
typedef struct stele_arguments stele_arguments;

/**
 * Parse `count` words of argv against two tables, the command's own and the common one.
 *
 * @param own, common  borrowed for as long as the arguments live
 * @param out  caller owns; release with stele_arguments_free
 * @return STELE_E_INVALID  the text names the word and what is known
 */
stele_status stele_arguments_parse(int count, char *const *words, const stele_option *own,
                                   const stele_option *common, stele_arguments **out,
                                   stele_error *err);
void stele_arguments_free(stele_arguments *arguments);

STELE_SCOPE(stele_arguments, stele_arguments_free);

size_t stele_arguments_count(const stele_arguments *arguments);
/** Operand `index`, or NULL past the end. */
const char *stele_arguments_operand(const stele_arguments *arguments, size_t index);

/** Asking for an option that is in neither table is a bug and aborts. */
bool stele_arguments_flag(const stele_arguments *arguments, const char *name);
const char *stele_arguments_text(const stele_arguments *arguments, const char *name,
                                 const char *fallback);
int64_t stele_arguments_int(const stele_arguments *arguments, const char *name, int64_t fallback);
/** All values of a LIST option in order, NULL-terminated. Caller owns the array; free(). */
const char **stele_arguments_list(const stele_arguments *arguments, const char *name);

#endif
