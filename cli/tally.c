/* SPDX-License-Identifier: MIT
 * Counting complaints by reason. A reason is a text without its numbers and its quoted parts. */
#include "cli/tally.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "core/alloc.h"

enum { PRINTED_MAX = 20, REASONS_MAX = 50 };

typedef struct reason {
    int64_t count;
    int64_t line; /* of the first */
    char *text;   /* of the first; owned */
} reason;

void stele_tally_clear(stele_tally *tally)
{
    stele_table_cursor cursor = {0};
    reason *one;
    while (tally->reasons != NULL && (one = stele_table_next(tally->reasons, &cursor)) != NULL)
        free(one->text);
    stele_table_free(tally->reasons);
    *tally = (stele_tally){0};
}

/* The text with "" for what is in quotes, and 0 for each number. */
static void append_reason(stele_buffer *out, const char *text)
{
    for (const char *at = text; *at != '\0';) {
        size_t digits = strspn(at, "0123456789");
        if (digits > 0) {
            stele_buffer_push(out, '0');
            at += digits;
        } else if (*at == '"') {
            for (at++; *at != '\0' && *at != '"'; at++)
                if (*at == '\\' && at[1] != '\0') at++;
            if (*at == '"') at++;
            stele_buffer_append(out, stele_text("\"\""));
        } else {
            stele_buffer_push(out, (uint8_t)*at++);
        }
    }
}

void stele_tally_add(stele_tally *tally, FILE *out, const char *file, int64_t line,
                     const char *text)
{
    if (tally->printed < PRINTED_MAX) {
        tally->printed++;
        stele_cli_print(out, "%s:%" PRId64 ": %s", file, line, text);
        return;
    }
    tally->counted++;
    if (tally->reasons == NULL) tally->reasons = stele_table_new(sizeof(reason), 0);
    STELE_AUTO_VALUE(stele_buffer) key = {0};
    append_reason(&key, text);
    reason *found = stele_table_find(tally->reasons, stele_buffer_view(&key));
    if (found == NULL && stele_table_count(tally->reasons) >= REASONS_MAX) {
        stele_buffer_reset(&key);
        stele_buffer_append(&key, stele_text("other reasons"));
        text = "other reasons";
    }
    bool is_new = false;
    if (found == NULL) found = stele_table_insert(tally->reasons, stele_buffer_view(&key), &is_new);
    if (found == NULL) return;
    if (is_new) *found = (reason){.line = line, .text = stele_strdup(text)};
    found->count++;
}

void stele_tally_print(const stele_tally *tally, FILE *out, const char *file)
{
    if (tally->counted == 0) return;
    stele_cli_print(out, "%s: and %" PRId64 " more lines:", file, tally->counted);
    stele_table_cursor cursor = {0};
    const reason *one;
    while ((one = stele_table_next(tally->reasons, &cursor)) != NULL)
        stele_cli_print(out, "  %" PRId64 " as line %" PRId64 ": %s", one->count, one->line,
                        one->text);
}
