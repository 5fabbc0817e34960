/* SPDX-License-Identifier: MIT
 * Boxes in a list, under one lock that is held for no longer than it takes to move a letter. */
#include "core/mailbox.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/monitor.h"

struct stele_mailbox {
    stele_post *post;
    stele_mailbox_options options; /* its name is owned */
    _Atomic int64_t wanted;        /* the lowest position of its letters; INT64_MAX: none */
    stele_letter *letters;
    stele_mailbox *next;
};

struct stele_post {
    stele_monitor monitor;
    stele_mailbox *boxes; /* the latest first */
};

stele_post *stele_post_new(stele_runtime runtime)
{
    stele_post *post = stele_alloc(sizeof *post);
    stele_monitor_init(&post->monitor, runtime);
    return post;
}

void stele_post_free(stele_post *post)
{
    if (post == NULL) return;
    assert(post->boxes == NULL);
    stele_monitor_clear(&post->monitor);
    free(post);
}

/* ---- keepers ---- */

stele_mailbox *stele_mailbox_open(stele_post *post, const stele_mailbox_options *options)
{
    stele_mailbox *box = stele_alloc(sizeof *box);
    box->post = post;
    box->options = *options;
    box->options.name = stele_strdup(options->name);
    atomic_init(&box->wanted, INT64_MAX);
    stele_monitor_lock(&post->monitor);
    box->next = post->boxes;
    post->boxes = box;
    stele_monitor_unlock(&post->monitor);
    return box;
}

/* The monitor is held. */
static void set_wanted(stele_mailbox *box)
{
    int64_t lowest = INT64_MAX;
    for (const stele_letter *each = box->letters; each != NULL; each = each->next)
        if (each->position < lowest) lowest = each->position;
    atomic_store(&box->wanted, lowest);
}

void stele_mailbox_close(stele_mailbox *box)
{
    if (box == NULL) return;
    stele_post *post = box->post;
    stele_monitor_lock(&post->monitor);
    stele_mailbox **at = &post->boxes;
    while (*at != box)
        at = &(*at)->next;
    *at = box->next;
    for (stele_letter *each = box->letters; each != NULL; each = each->next)
        each->state = STELE_LETTER_RETURNED;
    stele_monitor_wake(&post->monitor);
    stele_monitor_unlock(&post->monitor);
    free((char *)box->options.name);
    free(box);
}

static stele_letter *take(stele_mailbox *box, int64_t position, bool stands)
{
    stele_letter *taken = NULL;
    stele_monitor_lock(&box->post->monitor);
    stele_letter **at = &box->letters;
    while (*at != NULL) {
        stele_letter *each = *at;
        if (each->position > position && !(stands && each->takes_older)) {
            at = &each->next;
            continue;
        }
        *at = each->next;
        each->state = STELE_LETTER_TAKEN;
        each->next = taken;
        taken = each;
    }
    set_wanted(box);
    stele_monitor_unlock(&box->post->monitor);
    return taken;
}

stele_letter *stele_mailbox_take(stele_mailbox *box, int64_t position)
{
    return atomic_load(&box->wanted) > position ? NULL : take(box, position, false);
}

stele_letter *stele_mailbox_take_standing(stele_mailbox *box, int64_t position)
{
    return atomic_load(&box->wanted) == INT64_MAX ? NULL : take(box, position, true);
}

void stele_mailbox_answer(stele_mailbox *box, stele_letter *list)
{
    stele_monitor_lock(&box->post->monitor);
    for (stele_letter *each = list; each != NULL; each = each->next)
        each->state = STELE_LETTER_ANSWERED;
    stele_monitor_wake(&box->post->monitor);
    stele_monitor_unlock(&box->post->monitor);
}

/* ---- senders ---- */

/* @param index  negative: any. The monitor is held. */
static stele_mailbox *find(const stele_post *post, const char *name, const void *kind,
                           int32_t index)
{
    for (stele_mailbox *each = post->boxes; each != NULL; each = each->next) {
        const stele_mailbox_options *its = &each->options;
        if ((index < 0 || its->index == index) && its->kind == kind && strcmp(its->name, name) == 0)
            return each;
    }
    return NULL;
}

int32_t stele_post_count(stele_post *post, const char *name, const void *kind)
{
    stele_monitor_lock(&post->monitor);
    const stele_mailbox *box = find(post, name, kind, -1);
    int32_t count = box == NULL ? 0 : box->options.count;
    stele_monitor_unlock(&post->monitor);
    return count;
}

bool stele_post_has(stele_post *post, const char *name, const void *kind, int32_t index)
{
    stele_monitor_lock(&post->monitor);
    bool is_here = find(post, name, kind, index) != NULL;
    stele_monitor_unlock(&post->monitor);
    return is_here;
}

static void put(stele_mailbox *box, stele_letter *letter)
{
    letter->state = STELE_LETTER_IN_BOX;
    letter->next = box->letters;
    box->letters = letter;
    set_wanted(box);
    box->options.wake(box->options.context);
}

static void take_back(stele_mailbox *box, stele_letter *letter)
{
    stele_letter **at = &box->letters;
    while (*at != letter)
        at = &(*at)->next;
    *at = letter->next;
    letter->state = STELE_LETTER_LATE;
    set_wanted(box);
}

stele_letter_state stele_post_send(stele_post *post, const char *name, const void *kind,
                                   int32_t index, stele_letter *letter, stele_deadline until)
{
    stele_deadline never = stele_deadline_after(until.clock, -1);
    letter->state = STELE_LETTER_RETURNED;
    stele_monitor_lock(&post->monitor);
    stele_mailbox *box = find(post, name, kind, index);
    if (box != NULL) put(box, letter);
    while (letter->state == STELE_LETTER_IN_BOX || letter->state == STELE_LETTER_TAKEN) {
        /* What is taken is answered at once. */
        bool is_taken = letter->state == STELE_LETTER_TAKEN;
        bool is_in_time = stele_monitor_wait(&post->monitor, is_taken ? never : until);
        if (!is_in_time && letter->state == STELE_LETTER_IN_BOX) take_back(box, letter);
    }
    stele_letter_state state = letter->state;
    stele_monitor_unlock(&post->monitor);
    return state;
}
