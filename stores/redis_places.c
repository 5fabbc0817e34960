/* SPDX-License-Identifier: MIT
 * What Redis' store keeps of projections and partitions: who has claimed them, where they are, and
 * the events that were set aside. What looks and then changes is tried again where another one has
 * changed it between the two. */
#include "stores/redis_internal.h"

#include <string.h>

#include "core/alloc.h"
#include "core/clock.h"
#include "core/names.h"
#include "core/text.h"

enum { TRIES = 20 };

static stele_status fail_busy(const redis_store *self, stele_error *err)
{
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                      "%s: others change the same keys all the time", self->label);
}

/* ---- places ---- */

void redis_place_list_clear(redis_place_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].name);
    free(list->items);
    *list = (redis_place_list){0};
}

/* GROUP/TOPIC/PARTITION. @return false: it is none */
static bool read_place(stele_bytes text, redis_place *out)
{
    char *name = stele_strndup((const char *)text.data, text.size);
    char *topic = strchr(name, '/');
    char *partition = topic == NULL ? NULL : strchr(topic + 1, '/');
    if (partition == NULL) {
        free(name);
        return false;
    }
    *topic++ = '\0';
    *partition++ = '\0';
    *out = (redis_place){name, {name, {topic, (int32_t)strtol(partition, NULL, 10)}}};
    return true;
}

static int compare_places(const void *a, const void *b)
{
    const stele_sql_place *first = &((const redis_place *)a)->place;
    const stele_sql_place *second = &((const redis_place *)b)->place;
    int order = strcmp(first->group, second->group);
    if (order == 0) order = strcmp(first->source.topic, second->source.topic);
    return order != 0 ? order : first->source.index - second->source.index;
}

stele_status redis_find_places(redis_store *self, const char *group, redis_place_list *out,
                               stele_error *err)
{
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    REDIS_COMMAND(&ask, "SMEMBERS", REDIS_PLACES);
    stele_status status = redis_ask_one(self, &ask, &replies, err);
    if (status < 0) return status;
    const redisReply *found = redis_last(&replies);
    out->items = stele_alloc_array(found->elements + 1, sizeof *out->items);
    for (size_t i = 0; i < found->elements; i++) {
        redis_place *item = &out->items[out->count];
        if (!read_place(redis_bytes(found->element[i]), item)) continue;
        if (group == NULL || strcmp(item->place.group, group) == 0)
            out->count++;
        else
            free(item->name);
    }
    qsort(out->items, out->count, sizeof *out->items, compare_places);
    return STELE_OK;
}

/* ---- projections ---- */

static int64_t hash_of(const stele_sql_setup *setup)
{
    return stele_sql_script_hash(stele_text(setup->script), STELE_SQL_NONE);
}

static stele_status check_setup(const stele_sql_setup *setup, stele_error *err)
{
    static const char begins[] = STELE_REDIS_SETUP;
    if (strncmp(setup->script, begins, sizeof begins - 1) == 0) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "Redis knows no SQL: it holds states of folds only; name a database with "
                      "store = sqlite:PATH or postgres:… in [projection %s]",
                      setup->projection);
}

typedef struct project {
    int64_t version; /* 0: it is not there */
    int64_t setup;
} project;

/* Watch it, and what is watched is changed by no one until the transaction. */
static stele_status watch_project(redis_store *self, const char *key, project *out,
                                  stele_error *err)
{
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    REDIS_COMMAND(&ask, "UNWATCH");
    REDIS_COMMAND(&ask, "WATCH", key);
    REDIS_COMMAND(&ask, "HMGET", key, "version", "setup");
    *out = (project){0};
    stele_status status = redis_ask_one(self, &ask, &replies, err);
    if (status < 0) return status;
    const redisReply *found = redis_last(&replies);
    if (!redis_number(found->element[0], &out->version) ||
        !redis_number(found->element[1], &out->setup))
        *out = (project){0};
    return STELE_OK;
}

static char *project_key(const char *name)
{
    return stele_strdup_format("stele/projection/%s", name);
}

static void store_project(redis_commands *queue, const char *key, const stele_sql_setup *setup)
{
    redis_command(queue, 6);
    redis_word_text(queue, "HSET");
    redis_word_text(queue, key);
    redis_word_text(queue, "version");
    redis_word_number(queue, setup->version);
    redis_word_text(queue, "setup");
    redis_word_number(queue, hash_of(setup));
}

stele_status redis_set_up(stele_sql_store *base, const stele_sql_setup *setup, size_t *at,
                          stele_error *err)
{
    redis_store *self = (redis_store *)base;
    STELE_AUTO(char) key = project_key(setup->projection);
    (void)at;
    stele_status status = check_setup(setup, err);
    for (int i = 0; i < TRIES && status == STELE_OK; i++) {
        STELE_AUTO_VALUE(redis_commands) queue = {0};
        project there;
        bool done = false;
        if ((status = watch_project(self, key, &there, err)) < 0) return status;
        if (there.version == setup->version && there.setup == hash_of(setup)) return STELE_OK;
        if (there.version != 0)
            return stele_sql_fail_setup(err, self->label, setup, (int)there.version);
        store_project(&queue, key, setup);
        status = redis_carry_out(self, &queue, &done, err);
        if (done) return STELE_OK;
    }
    return status < 0 ? status : fail_busy(self, err);
}

/* ---- beginning again ---- */

static void add_move(redis_commands *queue, const char *key, int64_t term, int64_t position)
{
    redis_command(queue, 10);
    redis_word_text(queue, "HSET");
    redis_word_text(queue, key);
    redis_word_text(queue, "term");
    redis_word_number(queue, term);
    redis_word_text(queue, "next");
    redis_word_number(queue, position);
    redis_word_text(queue, "last_offset");
    redis_word_text(queue, "-1");
    redis_word_text(queue, "last_hash");
    redis_word_text(queue, "0");
}

/* @param position  -1: before the first event, without rows and letters */
static stele_status go_back(redis_store *self, const char *projection, const stele_sql_place *place,
                            int64_t position, stele_error *err)
{
    STELE_AUTO(char) key = redis_place_key("position", place);
    STELE_AUTO(char) letters = redis_place_key("letters", place);
    for (int i = 0; i < TRIES; i++) {
        STELE_AUTO_VALUE(redis_commands) queue = {0};
        redis_position there;
        bool done = false;
        stele_status status = redis_watch_place(self, key, &there, err);
        if (status < 0 || there.term == 0) return status;
        if (position >= 0 && there.next <= position) return STELE_OK;
        add_move(&queue, key, there.term + 1, position);
        if (position < 0) {
            REDIS_COMMAND(&queue, "UNLINK", letters);
            status = redis_clear_rows(self, projection, place->source.index, &queue, err);
        }
        if (status == STELE_OK) status = redis_carry_out(self, &queue, &done, err);
        if (status < 0 || done) return status;
    }
    return fail_busy(self, err);
}

static void forget_counts(const redis_place_list *places, redis_commands *queue)
{
    for (size_t i = 0; i < places->count; i++) {
        const stele_sql_place *place = &places->items[i].place;
        STELE_AUTO(char)
        count = stele_strdup_format("stele/count/%s/%s", place->group, place->source.topic);
        REDIS_COMMAND(queue, "DEL", count);
    }
}

/* Each partition goes back by itself: no one goes on in one that has not, with what was. */
static stele_status go_back_all(redis_store *self, const char *projection,
                                const redis_place_list *places, stele_error *err)
{
    stele_status status = STELE_OK;
    for (size_t i = 0; i < places->count && status == STELE_OK; i++)
        status = go_back(self, projection, &places->items[i].place, -1, err);
    return status;
}

stele_status redis_tear_down(stele_sql_store *base, const stele_sql_setup *teardown, size_t *at,
                             stele_error *err)
{
    redis_store *self = (redis_store *)base;
    STELE_AUTO(char) key = project_key(teardown->projection);
    STELE_AUTO_VALUE(redis_commands) queue = {0};
    STELE_AUTO_VALUE(redis_place_list) places = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    project there;
    (void)at;
    stele_status status = watch_project(self, key, &there, err);
    if (status < 0 || there.version == 0) return status;
    STELE_AUTO(char) group = stele_projection_group(teardown->projection, (int)there.version);
    if ((status = redis_find_places(self, group, &places, err)) < 0) return status;
    if ((status = go_back_all(self, teardown->projection, &places, err)) < 0) return status;
    for (size_t i = 0; i < places.count; i++) {
        const stele_sql_place *place = &places.items[i].place;
        STELE_AUTO(char) position = redis_place_key("position", place);
        STELE_AUTO(char)
        member = stele_strdup_format("%s/%s/%d", place->group, place->source.topic,
                                     (int)place->source.index);
        REDIS_COMMAND(&queue, "DEL", position);
        REDIS_COMMAND(&queue, "SREM", REDIS_PLACES, member);
    }
    forget_counts(&places, &queue);
    REDIS_COMMAND(&queue, "DEL", key);
    bool done = false;
    status = redis_carry_out(self, &queue, &done, err);
    return status == STELE_OK && !done ? fail_busy(self, err) : status;
}

static stele_status begin_again(redis_store *self, const stele_sql_reset *reset, const char *key,
                                stele_error *err)
{
    STELE_AUTO_VALUE(redis_place_list) places = {0};
    STELE_AUTO_VALUE(redis_commands) queue = {0};
    bool done = false;
    stele_status status = redis_find_places(self, reset->group, &places, err);
    if (status == STELE_OK) status = go_back_all(self, reset->setup.projection, &places, err);
    if (status < 0) return status;
    forget_counts(&places, &queue);
    store_project(&queue, key, &reset->setup);
    status = redis_carry_out(self, &queue, &done, err);
    return status == STELE_OK && !done ? fail_busy(self, err) : status;
}

stele_status redis_reset(stele_sql_store *base, const stele_sql_reset *reset, size_t *at,
                         stele_error *err)
{
    redis_store *self = (redis_store *)base;
    STELE_AUTO(char) key = project_key(reset->setup.projection);
    project there;
    (void)at;
    stele_status status = watch_project(self, key, &there, err);
    if (status < 0 || there.version == 0) return status;
    if (there.version != reset->setup.version ||
        (reset->teardown == NULL && there.setup != hash_of(&reset->setup)))
        return stele_sql_fail_setup(err, self->label, &reset->setup, (int)there.version);
    if (reset->teardown != NULL) return begin_again(self, reset, key, err);
    for (size_t i = 0; i < reset->return_count && status == STELE_OK; i++) {
        stele_sql_place place = {reset->group, reset->returns[i].source};
        status = go_back(self, reset->setup.projection, &place, reset->returns[i].position, err);
    }
    return status;
}

/* ---- claiming ---- */

/* What is asked for before a claim. */
enum { FORMAT = 2, COUNT, PLACE };

static stele_status look(redis_store *self, const stele_sql_place *place, const char *key,
                         redis_replies *out, stele_error *err)
{
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO(char)
    count = stele_strdup_format("stele/count/%s/%s", place->group, place->source.topic);
    REDIS_COMMAND(&ask, "UNWATCH");
    REDIS_COMMAND(&ask, "WATCH", key, count, REDIS_FORMAT);
    REDIS_COMMAND(&ask, "GET", REDIS_FORMAT);
    REDIS_COMMAND(&ask, "GET", count);
    REDIS_COMMAND(&ask, "HMGET", key, "term", "next", "last_offset", "last_hash", "partitions",
                  "genesis");
    stele_status status = redis_ask_one(self, &ask, out, err);
    if (status < 0 || out->items[FORMAT]->type == REDIS_REPLY_STRING) return status;
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT,
                      "%s was emptied: it is opened again, and made again from the events",
                      self->label);
}

/* @return false: it is not there */
static bool read_claim(const redisReply *found, stele_sql_claim *out)
{
    int64_t partitions;
    stele_bytes genesis = redis_bytes(found->element[5]);
    if (!redis_number(found->element[0], &out->term) ||
        !redis_number(found->element[1], &out->mark.position) ||
        !redis_number(found->element[2], &out->mark.last_offset) ||
        !redis_number(found->element[3], &out->mark.last_hash) ||
        !redis_number(found->element[4], &partitions) || genesis.data == NULL)
        return false;
    out->partitions = (int32_t)partitions;
    snprintf(out->genesis, sizeof out->genesis, "%.*s", (int)genesis.size,
             (const char *)genesis.data);
    return true;
}

static void store_claim(redis_commands *queue, const char *key, const stele_sql_place *place,
                        const stele_sql_claim *claim)
{
    STELE_AUTO(char)
    member = stele_strdup_format("%s/%s/%d", place->group, place->source.topic,
                                 (int)place->source.index);
    redis_command(queue, 14);
    redis_word_text(queue, "HSET");
    redis_word_text(queue, key);
    redis_word_text(queue, "term");
    redis_word_number(queue, claim->term);
    redis_word_text(queue, "next");
    redis_word_number(queue, claim->mark.position);
    redis_word_text(queue, "last_offset");
    redis_word_number(queue, claim->mark.last_offset);
    redis_word_text(queue, "last_hash");
    redis_word_number(queue, claim->mark.last_hash);
    redis_word_text(queue, "partitions");
    redis_word_number(queue, claim->partitions);
    redis_word_text(queue, "genesis");
    redis_word_text(queue, claim->genesis);
    REDIS_COMMAND(queue, "SADD", REDIS_PLACES, member);
}

/* A server that is restored from an older copy, or emptied, knows of no claim since: the clock
 * keeps the terms of those from being given again. */
static int64_t next_term(const redis_store *self, int64_t last)
{
    int64_t now_ms = stele_clock_now_ms(stele_runtime_clock(self->link.runtime));
    return last < now_ms ? now_ms : last + 1;
}

stele_status redis_claim(stele_sql_store *base, const stele_sql_place *place, int32_t partitions,
                         const char *genesis, stele_sql_claim *out, stele_error *err)
{
    redis_store *self = (redis_store *)base;
    STELE_AUTO(char) key = redis_place_key("position", place);
    const stele_sql_claim nothing = {.mark = {.position = -1, .last_offset = -1}};
    for (int i = 0; i < TRIES; i++) {
        STELE_AUTO_VALUE(redis_replies) replies = {0};
        STELE_AUTO_VALUE(redis_commands) queue = {0};
        stele_sql_claim found = nothing;
        int64_t count;
        bool done = false;
        stele_status status = look(self, place, key, &replies, err);
        if (status < 0) return status;
        if (redis_number(replies.items[COUNT], &count) && count != partitions) {
            *out = nothing;
            out->partitions = (int32_t)count;
            return STELE_OK;
        }
        if (!read_claim(replies.items[PLACE], &found)) found = nothing;
        if (found.mark.position < 0) {
            found.partitions = partitions;
            snprintf(found.genesis, sizeof found.genesis, "%s", genesis);
        }
        found.term = next_term(self, found.term);
        store_claim(&queue, key, place, &found);
        if ((status = redis_carry_out(self, &queue, &done, err)) < 0) return status;
        if (done) {
            *out = found;
            return STELE_OK;
        }
    }
    return fail_busy(self, err);
}

stele_status redis_places(stele_sql_store *base, stele_sql_each_place *each, void *context,
                          stele_error *err)
{
    redis_store *self = (redis_store *)base;
    STELE_AUTO_VALUE(redis_place_list) places = {0};
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    stele_status status = redis_find_places(self, NULL, &places, err);
    for (size_t i = 0; i < places.count; i++) {
        STELE_AUTO(char) key = redis_place_key("position", &places.items[i].place);
        REDIS_COMMAND(&ask, "HGET", key, "next");
    }
    if (status == STELE_OK) status = redis_ask_one(self, &ask, &replies, err);
    for (size_t i = 0; status == STELE_OK && i < places.count; i++) {
        int64_t position;
        if (redis_number(replies.items[i], &position))
            each(context, &places.items[i].place, position);
    }
    return status;
}

/* ---- letters ---- */

stele_status redis_keep(stele_sql_store *base, const stele_sql_place *place,
                        const stele_sql_letter *letter, stele_error *err)
{
    redis_store *self = (redis_store *)base;
    STELE_AUTO(char) key = redis_place_key("letters", place);
    bool is_gone = letter->value.data == NULL;
    if (!self->is_begun)
        return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP, "no transaction is begun");
    redis_command(&self->queue, is_gone ? 3 : 4);
    redis_word_text(&self->queue, is_gone ? "HDEL" : "HSET");
    redis_word_text(&self->queue, key);
    redis_word_number(&self->queue, letter->offset);
    if (!is_gone) redis_word(&self->queue, letter->value);
    return STELE_OK;
}

typedef struct kept_letter {
    int64_t offset;
    stele_bytes value;
} kept_letter;

static int compare_letters(const void *a, const void *b)
{
    int64_t first = ((const kept_letter *)a)->offset, second = ((const kept_letter *)b)->offset;
    return (first > second) - (first < second);
}

stele_status redis_letters(stele_sql_store *base, const stele_sql_place *place,
                           stele_sql_each_letter *each, void *context, stele_error *err)
{
    redis_store *self = (redis_store *)base;
    STELE_AUTO_VALUE(redis_commands) ask = {0};
    STELE_AUTO_VALUE(redis_replies) replies = {0};
    STELE_AUTO(char) key = redis_place_key("letters", place);
    REDIS_COMMAND(&ask, "HGETALL", key);
    stele_status status = redis_ask_one(self, &ask, &replies, err);
    if (status < 0) return status;
    const redisReply *found = redis_last(&replies);
    kept_letter *letters = stele_alloc_array(found->elements / 2 + 1, sizeof *letters);
    size_t count = 0;
    for (size_t i = 0; i + 1 < found->elements; i += 2)
        if (redis_number(found->element[i], &letters[count].offset))
            letters[count++].value = redis_bytes(found->element[i + 1]);
    qsort(letters, count, sizeof *letters, compare_letters);
    for (size_t i = 0; i < count; i++)
        each(context, letters[i].offset, letters[i].value);
    free(letters);
    return STELE_OK;
}
