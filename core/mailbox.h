/* SPDX-License-Identifier: MIT
 * Letters between threads of one process. Who keeps something opens a box under its name, and looks
 * into it where its loop comes by; who wants something of it sends a letter and waits. The box
 * knows how far its keeper has to be for each letter, so that looking costs one load where there is
 * nothing to do. It does not know what the letters are about. */
#ifndef STELE_CORE_MAILBOX_H
#define STELE_CORE_MAILBOX_H

#include "core/deadline.h"
#include "core/runtime.h"
#include "core/scope.h"

/** All boxes of a client. Any thread may use it. */
typedef struct stele_post stele_post;
typedef struct stele_mailbox stele_mailbox;

typedef enum stele_letter_state {
    STELE_LETTER_RETURNED = 0, /* there is no such box, or it was closed */
    STELE_LETTER_IN_BOX,
    STELE_LETTER_TAKEN, /* its keeper is answering it */
    STELE_LETTER_ANSWERED,
    STELE_LETTER_LATE /* the keeper has not come so far in time */
} stele_letter_state;

/** The head of a letter, whose content follows in the sender's struct. What is below the first two
 * is set by the calls below. */
typedef struct stele_letter {
    int64_t position; /* taken by a keeper that is at it or past it */
    bool takes_older; /* or by one that stands still, wherever it is */
    stele_letter_state state;
    struct stele_letter *next;
} stele_letter;

/** No boxes yet. @return never NULL; caller owns; release with stele_post_free */
stele_post *stele_post_new(stele_runtime runtime);
/** All boxes are closed, and no one waits. NULL is fine. */
void stele_post_free(stele_post *post);
STELE_SCOPE(stele_post, stele_post_free);

typedef struct stele_mailbox_options {
    const char *name; /* copied */
    int32_t index;    /* among `count` of that name, which may be in other processes */
    int32_t count;
    const void *kind; /* what its letters are about: those of another kind do not come */
    /** Called by senders, with the post locked: the keeper has to look soon. It may not call the
     * post, and takes no lock that is held while that is called. */
    void (*wake)(void *context);
    void *context;
} stele_mailbox_options;

/** Open a box. Of two with the same name and index the later one gets the letters.
 * @return never NULL; closed with stele_mailbox_close, by the same thread */
stele_mailbox *stele_mailbox_open(stele_post *post, const stele_mailbox_options *options);
/** What is in it is returned. NULL is fine. */
void stele_mailbox_close(stele_mailbox *box);

/**
 * Take out the letters that the keeper is far enough for. Until stele_mailbox_answer they and what
 * they point to are in its hands: their senders wait, whatever their deadlines are.
 *
 * @return the first of a list; NULL: none, known without a lock
 */
stele_letter *stele_mailbox_take(stele_mailbox *box, int64_t position);
/** Likewise of a keeper that stands still: also those that take what is older. */
stele_letter *stele_mailbox_take_standing(stele_mailbox *box, int64_t position);
/** All of a list that was taken are answered. */
void stele_mailbox_answer(stele_mailbox *box, stele_letter *list);

/** How many indices a name has; 0: no box of that name and kind is open. */
int32_t stele_post_count(stele_post *post, const char *name, const void *kind);
/** Is one of them here? */
bool stele_post_has(stele_post *post, const char *name, const void *kind, int32_t index);

/**
 * Send a letter, and wait until it is answered or comes back.
 *
 * @param letter  borrowed for the call
 * @return STELE_LETTER_ANSWERED, _RETURNED or _LATE
 */
stele_letter_state stele_post_send(stele_post *post, const char *name, const void *kind,
                                   int32_t index, stele_letter *letter, stele_deadline until);

#endif
