/* SPDX-License-Identifier: MIT
 * A connection to Redis: commands in a row, and their replies. hiredis finds the server and reads
 * the protocol; waiting is the runtime's. */
#ifndef STELE_STORES_REDIS_LINK_H
#define STELE_STORES_REDIS_LINK_H

#include <hiredis/hiredis.h>
#include <stdatomic.h>

#include <stele/buffer.h>
#include <stele/error.h>

#include "core/runtime.h"
#include "core/scope.h"

/** Commands that go out together. All zero is none; release with redis_commands_clear. */
typedef struct redis_commands {
    stele_buffer bytes;
    size_t count;
} redis_commands;

void redis_commands_clear(redis_commands *commands);
STELE_VALUE_SCOPE(redis_commands, redis_commands_clear);
/** Begin a command of so many words, which are added then. */
void redis_command(redis_commands *commands, size_t words);
void redis_word(redis_commands *commands, stele_bytes word);
void redis_word_text(redis_commands *commands, const char *word);
void redis_word_number(redis_commands *commands, int64_t word);
/** A command of texts, up to NULL. */
void redis_command_texts(redis_commands *commands, const char *const *words);
#define REDIS_COMMAND(commands, ...)                                                               \
    redis_command_texts((commands), (const char *const[]){__VA_ARGS__, NULL})

/** The replies, one for each command. All zero is none; release with redis_replies_clear. */
typedef struct redis_replies {
    redisReply **items;
    size_t count;
} redis_replies;

void redis_replies_clear(redis_replies *replies);
STELE_VALUE_SCOPE(redis_replies, redis_replies_clear);
/** The last one. */
const redisReply *redis_last(const redis_replies *replies);
/** A text or null. */
stele_bytes redis_bytes(const redisReply *reply);
/** @return false: it is no whole number */
bool redis_number(const redisReply *reply, int64_t *out);

typedef struct redis_link {
    stele_runtime runtime;
    const atomic_bool *ends; /* borrowed: a wait ends with it */
    const char *label;       /* for messages; borrowed */
    redisContext *context;   /* NULL: not open */
    bool is_lost;
} redis_link;

/** @return STELE_E_UNAVAILABLE (next = RETRY) */
stele_status redis_link_open(redis_link *link, const char *host, int port, stele_error *err);
void redis_link_close(redis_link *link);

/**
 * Send the commands, and take all their replies.
 *
 * @param out  owned by the caller
 * @return what the first refusal means, if there is one, or the loss of the connection (ABORT)
 */
stele_status redis_ask(redis_link *link, const redis_commands *commands, redis_replies *out,
                       stele_error *err);

/** What a refusal of the server means. */
stele_status redis_fail(const char *label, const char *said, stele_error *err);

#endif
