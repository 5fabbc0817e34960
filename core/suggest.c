/* SPDX-License-Identifier: MIT
 * The distance of Levenshtein between short words. */
#include "core/suggest.h"

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

static size_t distance(stele_bytes a, stele_bytes b)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t above = row[j];
            size_t changed = diagonal + (a.data[i - 1] != b.data[j - 1]);
            row[j] = least(above + 1, row[j - 1] + 1, changed);
            diagonal = above;
        }
    }
    return row[b.size];
}

void stele_suggestion_offer(stele_suggestion *suggestion, const char *candidate)
{
    stele_bytes offered = stele_text(candidate);
    if (offered.size > WORD_MAX || suggestion->word.size > WORD_MAX) return;

    size_t far = distance(suggestion->word, offered);
    size_t limit = offered.size / 3 + 1; /* a third of a word may be wrong */
    bool is_better = suggestion->best == NULL || far < suggestion->best_distance;
    if (far > limit || !is_better) return;
    suggestion->best = candidate;
    suggestion->best_distance = far;
}
