/* SPDX-License-Identifier: MIT
 * Redis by hand: a hash for each balance, and the positions, in one transaction that goes out as
 * one row of commands. */
#include "hand.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct redis_db {
    hand_db base;
    redisContext *context;
    size_t pending;
} redis_db;

static void append(redis_db *self, int count, const char **words)
{
    size_t sizes[16];
    for (int i = 0; i < count; i++)
        sizes[i] = strlen(words[i]);
    if (redisAppendCommandArgv(self->context, count, words, sizes) != REDIS_OK)
        sql_die("redis", self->context->errstr);
    self->pending++;
}

static redisReply *take(redis_db *self)
{
    void *reply = NULL;
    if (redisGetReply(self->context, &reply) != REDIS_OK) sql_die("redis", self->context->errstr);
    self->pending--;
    redisReply *made = reply;
    if (made->type == REDIS_REPLY_ERROR) sql_die("redis", made->str);
    return made;
}

static void begin(hand_db *base)
{
    append((redis_db *)base, 1, (const char *[]){"MULTI"});
}

static void row(hand_db *base, int32_t partition, int64_t offset, const movement *of)
{
    (void)base, (void)partition, (void)offset, (void)of;
    sql_die("redis", "it has no rows");
}

static void state(hand_db *base, const balance *of)
{
    char key[40], cents[24], movements[24], booked[24];
    snprintf(key, sizeof key, "balance:%s", of->account);
    snprintf(cents, sizeof cents, "%" PRId64, of->cents);
    snprintf(movements, sizeof movements, "%" PRId64, of->movements);
    snprintf(booked, sizeof booked, "%" PRId64, of->last_booked_at);
    append((redis_db *)base, 10,
           (const char *[]){"HSET", key, "account", of->account, "cents", cents, "movements",
                            movements, "last_booked_at", booked});
}

static void commit(hand_db *base, const int64_t positions[PARTITIONS])
{
    redis_db *self = (redis_db *)base;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        char field[16], next[24];
        snprintf(field, sizeof field, "%d", (int)i);
        snprintf(next, sizeof next, "%" PRId64, positions[i]);
        append(self, 4, (const char *[]){"HSET", "positions", field, next});
    }
    append(self, 1, (const char *[]){"EXEC"});
    while (self->pending > 0)
        freeReplyObject(take(self));
}

static void close_db(hand_db *base)
{
    redis_db *self = (redis_db *)base;
    append(self, 1, (const char *[]){"DBSIZE"});
    redisReply *size = take(self);
    if (size->integer < 2) sql_die("redis", "nothing is in it");
    freeReplyObject(size);
    redisFree(self->context);
    free(self);
}

hand_db *hand_redis_open(const char *address)
{
    redis_db *self = calloc(1, sizeof *self);
    const char *colon = strchr(address, ':');
    char host[64];
    if (self == NULL) sql_die("memory", "out");
    if (colon == NULL) sql_die("redis", "HOST:PORT is missing");
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    self->base = (hand_db){begin, row, state, commit, close_db};
    self->context = redisConnect(host, (int)strtol(colon + 1, NULL, 10));
    if (self->context == NULL || self->context->err != 0) sql_die("redis", "it is not there");
    return &self->base;
}
