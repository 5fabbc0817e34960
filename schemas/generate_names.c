/* SPDX-License-Identifier: MIT
 * From Avro's names to C's: snake case, words that a compiler would stumble over, and names that
 * are given to one thing only. */
#include "schemas/generate_names.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <stele/bytes.h>

#include "core/alloc.h"
#include "core/table.h"
#include "schemas/generate_words.h"

/* A word begins at a capital that follows a small letter or a digit, or that ends a run of them. */
static bool begins_word(const char *name, size_t i)
{
    if (i == 0 || !isupper((unsigned char)name[i])) return false;
    unsigned char before = (unsigned char)name[i - 1];
    if (islower(before) || isdigit(before)) return true;
    return isupper(before) && islower((unsigned char)name[i + 1]);
}

char *stele_name_snake(const char *name)
{
    size_t size = strlen(name);
    char *snake = stele_alloc(2 * size + 1);
    size_t at = 0;
    for (size_t i = 0; i < size; i++) {
        if (begins_word(name, i)) snake[at++] = '_';
        snake[at++] = name[i] == '.' ? '_' : (char)tolower((unsigned char)name[i]);
    }
    return snake;
}

char *stele_name_constant(const char *type, const char *symbol)
{
    STELE_AUTO(char) snake = stele_name_snake(symbol);
    char *constant = stele_strdup_format("%s_%s", type, snake);
    for (char *c = constant; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    return constant;
}

bool stele_name_is_header(const char *name)
{
    STELE_AUTO(char) lower = stele_strdup(name);
    for (char *c = lower; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return stele_word_is_header(lower);
}

/* Parameters, local names and members in what is generated: in C a parameter, and in C++ a member,
 * would hide a type of its name. Lower-case words without an underscore, except has_value. */
static const char *const own[] = {
    "a",     "arena",     "array", "as",     "at",    "b",   "branch", "count",
    "data",  "depth",     "each",  "empty",  "end",   "err", "found",  "from",
    "grown", "has_value", "i",     "index",  "items", "key", "map",    "more",
    "out",   "reader",    "size",  "sorted", "text",  "to",  "value",  "entries",
};

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* Stele's headers may declare more one day, so all that begins as they do is theirs, but for the
 * one type of its own that Stele generates. */
static bool is_foreign(stele_name_scope scope, const char *name)
{
    if (stele_word_is_everywhere(name) || begins(name, "STELE_")) return true;
    if (scope == STELE_NAMES_OF_MEMBERS) return false;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strcmp(own[i], name) == 0) return true;
    }
    if (begins(name, "stele_"))
        return !begins(name, "stele_checkpoint") && !begins(name, "stele_dead_letter");
    return stele_word_is_at_file_scope(name);
}

struct stele_names {
    stele_name_scope scope;
    stele_table *given; /* names */
    stele_table *known; /* key: the name that was given for it, char * */
    stele_table *next;  /* wanted name: how often it was lengthened, uint64_t */
};

stele_names *stele_names_new(stele_name_scope scope)
{
    stele_names *names = stele_alloc(sizeof *names);
    names->scope = scope;
    names->given = stele_table_new(1, 0);
    names->known = stele_table_new(sizeof(char *), 0);
    names->next = stele_table_new(sizeof(uint64_t), 0);
    return names;
}

void stele_names_free(stele_names *names)
{
    if (names == NULL) return;
    stele_table_cursor cursor = {0};
    char **name;
    while ((name = stele_table_next(names->known, &cursor)) != NULL)
        free(*name);
    stele_table_free(names->given);
    stele_table_free(names->known);
    stele_table_free(names->next);
    free(names);
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *c = text; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
    return hash;
}

enum { NAME_MAX_SIZE = 240, KEY_MAX_SIZE = 4096 };

/* `text`, or if it is longer than `size` as much of it as leaves room for a hash; caller owns. */
static char *shortened(const char *text, size_t size)
{
    if (strlen(text) <= size) return stele_strdup(text);
    return stele_strdup_format("%.*s_%016" PRIx64, (int)size - 17, text, hash_of(text));
}

/* Underscores in front go behind where C has them for itself: at file scope all, in a struct two of
 * them, or one and a capital. What would begin with a digit then gets an x. */
static char *tidied(stele_name_scope scope, const char *wanted)
{
    size_t front = strspn(wanted, "_");
    const char *rest = wanted + front;
    bool reserved = front > 1 || (front == 1 && isupper((unsigned char)*rest));
    if (scope == STELE_NAMES_OF_FILE) reserved = front > 0;
    if (!reserved) return shortened(wanted, NAME_MAX_SIZE);
    const char *letter = isalpha((unsigned char)*rest) ? "" : "x";
    STELE_AUTO(char)
    moved = stele_strdup_format("%s%s%.*s", letter, rest, (int)(rest - wanted), wanted);
    return shortened(moved, NAME_MAX_SIZE);
}

/* Is it free with all tails? What was lengthened is not foreign. */
static bool is_free(const stele_names *names, const char *name, const char *const *tails,
                    bool lengthened)
{
    for (size_t i = 0; tails[i] != NULL; i++) {
        STELE_AUTO(char) full = stele_strdup_format("%s%s", name, tails[i]);
        if (!lengthened && is_foreign(names->scope, full)) return false;
        if (stele_table_find(names->given, stele_text(full)) != NULL) return false;
    }
    return true;
}

static char *lengthen(const char *name, uint64_t time)
{
    return time == 1 ? stele_strdup_format("%s_", name)
                     : stele_strdup_format("%s_%" PRIu64 "_", name, time);
}

/* The count goes on where it stopped for the same wanted name, so each round meets another name
 * that was given: there are no more rounds than names. */
static char *first_free(stele_names *names, const char *wanted, const char *const *tails)
{
    if (is_free(names, wanted, tails, false)) return stele_strdup(wanted);
    uint64_t *time = stele_table_insert(names->next, stele_text(wanted), NULL);
    for (;;) {
        char *name = lengthen(wanted, ++*time);
        if (is_free(names, name, tails, true)) return name;
        free(name);
    }
}

char *stele_names_give(stele_names *names, const char *key, const char *wanted,
                       const char *const *tails)
{
    STELE_AUTO(char) known_as = key == NULL ? NULL : shortened(key, KEY_MAX_SIZE);
    char **known = key == NULL ? NULL : stele_table_find(names->known, stele_text(known_as));
    if (known != NULL) return stele_strdup(*known);

    STELE_AUTO(char) tidy = tidied(names->scope, wanted);
    char *name = first_free(names, tidy, tails);
    for (size_t i = 0; tails[i] != NULL; i++) {
        STELE_AUTO(char) full = stele_strdup_format("%s%s", name, tails[i]);
        stele_table_insert(names->given, stele_text(full), NULL);
    }
    if (key != NULL) {
        known = stele_table_insert(names->known, stele_text(known_as), NULL);
        *known = stele_strdup(name);
    }
    return name;
}

static const char *const no_tails[] = {"", NULL};

bool stele_names_keeps(const stele_names *names, const char *wanted)
{
    STELE_AUTO(char) tidy = tidied(names->scope, wanted);
    return strcmp(tidy, wanted) == 0 && is_free(names, wanted, no_tails, false);
}

char *stele_names_give_one(stele_names *names, const char *key, const char *wanted)
{
    return stele_names_give(names, key, wanted, no_tails);
}
