/* SPDX-License-Identifier: MIT
 * Who numbers the commands that it sends to a partition of a commands topic, as reactions do
 * (aggregates/reactor.h), and how far each has come. A command whose number is not above the last
 * one of its sender was sent again: it is passed over. So each sender's numbers ascend, and what is
 * a repeat is a function of the commands before it in the topic, and of nothing else.
 *
 * Whoever restores a partition begins to read at some command. What is written down is how far the
 * senders were just before that one, so that it comes to the same. */
#ifndef STELE_AGGREGATES_SENDERS_H
#define STELE_AGGREGATES_SENDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stele/buffer.h>
#include <stele/bytes.h>

#include "core/scope.h"

typedef struct stele_sender_at {
    char *name;     /* owned */
    int64_t before; /* its last number before the command at `from` */
    int64_t last;   /* of all its commands so far */
} stele_sender_at;

/** A command of a sender, behind `from`. */
typedef struct stele_sender_mark {
    int64_t offset;
    size_t sender;
    int64_t number;
} stele_sender_mark;

/** All zero: none. Release with stele_senders_clear. */
typedef struct stele_senders {
    int64_t from;
    stele_sender_at *all; /* owned */
    size_t count;
    stele_sender_mark *marks; /* ascending; owned */
    size_t mark_count;
    size_t mark_capacity;
} stele_senders;

void stele_senders_clear(stele_senders *senders);
STELE_VALUE_SCOPE(stele_senders, stele_senders_clear);

/**
 * The next command that was read is one of a sender. Each once, in order.
 *
 * @param number  not negative
 * @return false: it was sent before
 */
bool stele_senders_see(stele_senders *senders, stele_bytes name, int64_t number, int64_t offset);

/** Whoever restores from now on begins at `from`. It does not go back. */
void stele_senders_begin_at(stele_senders *senders, int64_t from);

/** Append `,"senders_from":N,"senders":{"NAME":N,…}`; nothing where there are none. */
void stele_senders_write(const stele_senders *senders, stele_buffer *out);

/** One of those that were written down. */
void stele_senders_add(stele_senders *senders, stele_bytes name, int64_t before);

#endif
