/* SPDX-License-Identifier: MIT
 * A database of Redis, and its transactions. */
#include "stores/redis_internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

enum { VERSION_MIN = 4 /* HSET of several fields, UNLINK */ };

static const stele_sql_store_ops redis_ops;

stele_status stele_redis_store_new(stele_runtime runtime, const char *address,
                                   stele_sql_store **out, stele_error *err)
{
    STELE_AUTO_VALUE(redis_address) parsed = {0};
    stele_status status = redis_address_parse(address, &parsed, err);
    if (status < 0) return status;
    redis_store *self = stele_alloc(sizeof *self);
    self->base.ops = &redis_ops;
    self->address = parsed;
    parsed = (redis_address){0};
    self->label = stele_redis_shown(address);
    self->link = (redis_link){runtime, &self->base.ends, self->label, NULL, false};
    *out = &self->base;
    return STELE_OK;
}

char *stele_redis_shown(const char *address)
{
    STELE_AUTO_VALUE(redis_address) parsed = {0};
    if (redis_address_parse(address, &parsed, NULL) < 0) return stele_strdup("redis:");
    return stele_strdup_format("redis:%s:%d/%d", parsed.host, parsed.port, parsed.database);
}

char *redis_place_key(const char *kind, const stele_sql_place *place)
{
    return stele_strdup_format("stele/%s/%s/%s/%d", kind, place->group, place->source.topic,
                               (int)place->source.index);
}

stele_status redis_ask_one(redis_store *self, redis_commands *commands, redis_replies *out,
                           stele_error *err)
{
    stele_status status = redis_ask(&self->link, commands, out, err);
    redis_commands_clear(commands);
    return status;
}

stele_status redis_carry_out(redis_store *self, const redis_commands *queue, bool *done,
                             stele_error *err)
{
    STELE_AUTO_VALUE(redis_commands) all = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    REDIS_COMMAND(&all, "MULTI");
    stele_buffer_append(&all.bytes, stele_buffer_view(&queue->bytes));
    all.count += queue->count;
    REDIS_COMMAND(&all, "EXEC");
    stele_status status = redis_ask(&self->link, &all, &replies, err);
    if (status == STELE_OK) *done = redis_last(&replies)->type != REDIS_REPLY_NIL;
    return status;
}

/* ---- opening ---- */

static stele_status greet(redis_store *self, stele_error *err)
{
    STELE_AUTO_VALUE(redis_commands) hello = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    const redis_address *address = &self->address;
    const char *password = address->password;
    if (password == NULL) password = getenv("REDISCLI_AUTH"); /* as redis-cli does */
    stele_status status = STELE_OK;
    if (password != NULL && address->user != NULL)
        REDIS_COMMAND(&hello, "AUTH", address->user, password);
    else if (password != NULL)
        REDIS_COMMAND(&hello, "AUTH", password);
    if (hello.count > 0) status = redis_ask_one(self, &hello, &replies, err);
    if (status < 0) return status;
    redis_command(&hello, 2);
    redis_word_text(&hello, "SELECT");
    redis_word_number(&hello, address->database);
    return redis_ask_one(self, &hello, &replies, err);
}

/* What INFO says of that; "" if nothing. Caller frees. */
static char *find_fact(const char *info, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = info; line != NULL; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, name, size) == 0 && line[size] == ':')
            return stele_strndup(line + size + 1, strcspn(line + size + 1, "\r\n"));
    }
    return stele_strdup("");
}

static stele_status check_server(redis_store *self, const char *info, stele_error *err)
{
    STELE_AUTO(char) version = find_fact(info, "redis_version");
    STELE_AUTO(char) mode = find_fact(info, "redis_mode");
    STELE_AUTO(char) role = find_fact(info, "role");
    STELE_AUTO(char) policy = find_fact(info, "maxmemory_policy");
    if (strcmp(mode, "cluster") == 0) return redis_fail(self->label, "CLUSTERDOWN it is one", err);
    if (strtol(version, NULL, 10) < VERSION_MIN)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s is version %s: Stele needs %d.0 or newer, or Valkey", self->label,
                          version, VERSION_MIN);
    if (strcmp(role, "slave") == 0)
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                          "%s is a replica, which takes no changes: name the primary", self->label);
    if (strncmp(policy, "allkeys", 7) == 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s removes keys by itself when its memory is full (maxmemory-policy "
                          "%s), so that states would be lost: set maxmemory-policy noeviction",
                          self->label, policy);
    return STELE_OK;
}

static stele_status check_format(redis_store *self, const redisReply *format, int64_t keys,
                                 stele_error *err)
{
    STELE_AUTO_VALUE(redis_commands) mark = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    stele_bytes found = redis_bytes(format);
    if (found.data == NULL && keys == 0) {
        REDIS_COMMAND(&mark, "SET", REDIS_FORMAT, "1");
        return redis_ask_one(self, &mark, &replies, err);
    }
    if (found.data == NULL)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s holds keys of another program: name a database that is empty, such "
                          "as redis:HOST:PORT/1",
                          self->label);
    if (!stele_bytes_equal(found, stele_text("1")))
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s was made by a newer version of Stele: name another database",
                          self->label);
    return STELE_OK;
}

static stele_status open_store(stele_sql_store *base, stele_error *err)
{
    redis_store *self = (redis_store *)base;
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    stele_status status = redis_link_open(&self->link, self->address.host, self->address.port, err);
    if (status == STELE_OK) status = greet(self, err);
    REDIS_COMMAND(&ask, "INFO");
    REDIS_COMMAND(&ask, "DBSIZE");
    REDIS_COMMAND(&ask, "GET", REDIS_FORMAT);
    if (status == STELE_OK) status = redis_ask_one(self, &ask, &replies, err);
    if (status == STELE_OK)
        status =
            check_server(self, replies.items[0]->str == NULL ? "" : replies.items[0]->str, err);
    if (status == STELE_OK)
        status = check_format(self, replies.items[2], replies.items[1]->integer, err);
    if (status < 0) stele_sql_store_close(base);
    return status;
}

/* ---- transactions ---- */

static void drop_transaction(redis_store *self)
{
    redis_commands_clear(&self->queue);
    free(self->group);
    free(self->topic);
    self->group = self->topic = NULL;
    self->is_begun = false;
}

stele_status redis_watch_place(redis_store *self, const char *key, redis_position *out,
                               stele_error *err)
{
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    REDIS_COMMAND(&ask, "UNWATCH");
    REDIS_COMMAND(&ask, "WATCH", key);
    REDIS_COMMAND(&ask, "HMGET", key, "term", "next");
    stele_status status = redis_ask_one(self, &ask, &replies, err);
    if (status < 0) return status;
    const redisReply *found = redis_last(&replies);
    if (!redis_number(found->element[0], &out->term) ||
        !redis_number(found->element[1], &out->next))
        *out = (redis_position){0, -1};
    return STELE_OK;
}

static stele_status begin(stele_sql_store *base, const stele_sql_place *place, int64_t term,
                          int64_t from, const stele_mark *to, stele_error *err)
{
    redis_store *self = (redis_store *)base;
    STELE_AUTO(char) key = redis_place_key("position", place);
    redis_position there;
    drop_transaction(self);
    stele_status status = redis_watch_place(self, key, &there, err);
    if (status < 0) return status;
    if (there.term == 0 || there.term != term || there.next != from)
        return stele_sql_fail_fenced(err, self->label, place);
    self->is_begun = true;
    self->group = stele_strdup(place->group);
    self->topic = stele_strdup(place->source.topic);
    self->partition = place->source.index;
    self->from = from;
    self->to = *to;
    redis_command(&self->queue, 8);
    redis_word_text(&self->queue, "HSET");
    redis_word_text(&self->queue, key);
    redis_word_text(&self->queue, "next");
    redis_word_number(&self->queue, to->position);
    redis_word_text(&self->queue, "last_offset");
    redis_word_number(&self->queue, to->last_offset);
    redis_word_text(&self->queue, "last_hash");
    redis_word_number(&self->queue, to->last_hash);
    return STELE_OK;
}

/* The first position of a source says for how many partitions it is. */
static stele_status keep_count(redis_store *self, stele_error *err)
{
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    stele_sql_place place = {self->group, {self->topic, self->partition}};
    STELE_AUTO(char) position = redis_place_key("position", &place);
    STELE_AUTO(char) count = stele_strdup_format("stele/count/%s/%s", self->group, self->topic);
    if (self->from >= 0 || self->to.position < 0) return STELE_OK;
    REDIS_COMMAND(&ask, "HGET", position, "partitions");
    stele_status status = redis_ask_one(self, &ask, &replies, err);
    if (status < 0) return status;
    redis_command(&self->queue, 3);
    redis_word_text(&self->queue, "SET");
    redis_word_text(&self->queue, count);
    redis_word(&self->queue, redis_bytes(redis_last(&replies)));
    return STELE_OK;
}

static stele_status commit(stele_sql_store *base, stele_error *err)
{
    redis_store *self = (redis_store *)base;
    bool done = false;
    if (!self->is_begun)
        return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP, "no transaction is begun");
    stele_sql_place place = {self->group, {self->topic, self->partition}};
    stele_status status = keep_count(self, err);
    if (status == STELE_OK) status = redis_carry_out(self, &self->queue, &done, err);
    if (status == STELE_OK && !done) status = stele_sql_fail_fenced(err, self->label, &place);
    drop_transaction(self);
    return status;
}

/* Nothing of it was sent. What is watched is given up with the next transaction. */
static void roll_back(stele_sql_store *base)
{
    drop_transaction((redis_store *)base);
}

static void close_store(stele_sql_store *base)
{
    redis_store *self = (redis_store *)base;
    drop_transaction(self);
    redis_link_close(&self->link);
    redis_free_statements(self);
}

static void free_store(stele_sql_store *base)
{
    redis_store *self = (redis_store *)base;
    close_store(base);
    redis_address_clear(&self->address);
    free(self->label);
    free(self);
}

static const stele_sql_store_ops redis_ops = {.open = open_store,
                                              .setup = redis_set_up,
                                              .teardown = redis_tear_down,
                                              .reset = redis_reset,
                                              .prepare = redis_prepare,
                                              .claim = redis_claim,
                                              .begin = begin,
                                              .execute = redis_execute,
                                              .commit = commit,
                                              .read = redis_read,
                                              .keep = redis_keep,
                                              .letters = redis_letters,
                                              .places = redis_places,
                                              .rollback = roll_back,
                                              .close = close_store,
                                              .free = free_store};
