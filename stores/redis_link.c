/* SPDX-License-Identifier: MIT
 * hiredis without its own reading and writing, which block, and end a process whose peer has gone.
 */
#include "stores/redis_link.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "core/text.h"

enum {
    CONNECT_MS = 5000,
    PATIENCE_MS = 30000, /* how long a server may keep silent */
    SLICE_MS = 200,      /* how often a wait looks whether it shall end */
    READ_SIZE = 64 << 10
};

/* ---- commands ---- */

void redis_commands_clear(redis_commands *commands)
{
    stele_buffer_clear(&commands->bytes);
    commands->count = 0;
}

void redis_command(redis_commands *commands, size_t words)
{
    stele_buffer_format(&commands->bytes, "*%zu\r\n", words);
    commands->count++;
}

void redis_word(redis_commands *commands, stele_bytes word)
{
    stele_buffer_format(&commands->bytes, "$%zu\r\n", word.size);
    stele_buffer_append(&commands->bytes, word);
    stele_buffer_append(&commands->bytes, stele_text("\r\n"));
}

void redis_word_text(redis_commands *commands, const char *word)
{
    redis_word(commands, stele_text(word));
}

void redis_word_number(redis_commands *commands, int64_t word)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, word);
    redis_word_text(commands, text);
}

void redis_command_texts(redis_commands *commands, const char *const *words)
{
    size_t count = 0;
    while (words[count] != NULL)
        count++;
    redis_command(commands, count);
    for (size_t i = 0; i < count; i++)
        redis_word_text(commands, words[i]);
}

/* ---- replies ---- */

void redis_replies_clear(redis_replies *replies)
{
    for (size_t i = 0; i < replies->count; i++)
        freeReplyObject(replies->items[i]);
    free(replies->items);
    *replies = (redis_replies){0};
}

const redisReply *redis_last(const redis_replies *replies)
{
    return replies->items[replies->count - 1];
}

stele_bytes redis_bytes(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? stele_bytes_of(reply->str, reply->len)
                                             : (stele_bytes){0};
}

bool redis_number(const redisReply *reply, int64_t *out)
{
    char *end;
    if (reply->type == REDIS_REPLY_INTEGER) {
        *out = reply->integer;
        return true;
    }
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0) return false;
    errno = 0;
    long long number = strtoll(reply->str, &end, 10);
    if (errno != 0 || end != reply->str + reply->len) return false;
    *out = number;
    return true;
}

/* ---- failures ---- */

static bool says(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (says(text, *words)) return true;
    return false;
}

stele_status redis_fail(const char *label, const char *said, stele_error *err)
{
    static const char *const passing[] = {"LOADING ",    "BUSY ",     "MISCONF ",
                                          "NOREPLICAS ", "TRYAGAIN ", "ERR max number of clients",
                                          NULL};
    static const char *const moved[] = {"READONLY ", "MASTERDOWN ", "UNBLOCKED ", NULL};
    static const char *const rights[] = {
        "NOAUTH ",   "WRONGPASS ",           "NOPERM ", "ERR invalid password",
        "ERR AUTH ", "ERR Client sent AUTH", NULL};
    static const char *const cluster[] = {
        "MOVED ", "ASK ", "CROSSSLOT ", "CLUSTERDOWN ", "ERR SELECT is not allowed in cluster mode",
        NULL};
    STELE_AUTO_VALUE(stele_buffer) shown = {0};
    stele_show(&shown, stele_text(said));
    const char *text = stele_buffer_text(&shown);
    if (says(said, "OOM "))
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                          "%s: its memory is full (maxmemory): give it more, or remove what is not "
                          "needed",
                          label);
    if (is_one_of(said, passing))
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "%s: %s", label, text);
    if (is_one_of(said, moved))
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT,
                          "%s: %s: it is connected to again", label, text);
    if (is_one_of(said, rights))
        return stele_fail(err, STELE_E_FORBIDDEN, STELE_NEXT_STOP,
                          "%s: %s: name the user and the password, "
                          "redis://USER:PASSWORD@HOST:PORT/DB, or set REDISCLI_AUTH",
                          label, text);
    if (is_one_of(said, cluster))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s is a Redis Cluster, which has no transactions over all keys: name a "
                          "server that is none",
                          label);
    if (says(said, "ERR DB index"))
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "%s: it has no database of that number (databases in redis.conf)", label);
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: %s", label, text);
}

static stele_status fail_lost(redis_link *link, const char *why, stele_error *err)
{
    link->is_lost = true;
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, "%s: the connection was lost: %s",
                      link->label, why);
}

/* ---- opening ---- */

static stele_status fail_connect(const redis_link *link, const char *why, stele_error *err)
{
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "%s cannot be reached: %s",
                      link->label, why);
}

static stele_status finish(redis_link *link, stele_error *err)
{
    int cause = 0;
    socklen_t size = sizeof cause;
    stele_clock clock = stele_runtime_clock(link->runtime);
    stele_deadline by = stele_deadline_after(clock, CONNECT_MS);
    for (;;) {
        stele_deadline slice = stele_deadline_after(clock, SLICE_MS);
        if (stele_socket_wait(link->runtime, link->context->fd, true, slice.end_ns)) break;
        if (stele_deadline_passed(by) || atomic_load(link->ends))
            return fail_connect(link, "it does not answer", err);
    }
    if (getsockopt(link->context->fd, SOL_SOCKET, SO_ERROR, &cause, &size) != 0) cause = errno;
    return cause == 0 ? STELE_OK : fail_connect(link, strerror(cause), err);
}

stele_status redis_link_open(redis_link *link, const char *host, int port, stele_error *err)
{
    link->is_lost = false;
    link->context = redisConnectNonBlock(host, port);
    if (link->context == NULL) stele_out_of_memory(0);
    stele_status status = link->context->err == 0 ? finish(link, err)
                                                  : fail_connect(link, link->context->errstr, err);
    if (status < 0) redis_link_close(link);
    return status;
}

void redis_link_close(redis_link *link)
{
    if (link->context != NULL) redisFree(link->context);
    link->context = NULL;
}

/* ---- asking ---- */

static bool may_pass(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static stele_status write_some(redis_link *link, stele_bytes bytes, size_t *sent, stele_error *err)
{
    while (*sent < bytes.size) {
        ssize_t count =
            send(link->context->fd, bytes.data + *sent, bytes.size - *sent, MSG_NOSIGNAL);
        if (count < 0 && may_pass()) return STELE_OK;
        if (count < 0) return fail_lost(link, strerror(errno), err);
        *sent += (size_t)count;
    }
    return STELE_OK;
}

/* @param got  something was read */
static stele_status read_some(redis_link *link, bool *got, stele_error *err)
{
    char room[READ_SIZE];
    ssize_t count = recv(link->context->fd, room, sizeof room, 0);
    *got = count > 0;
    if (count < 0 && may_pass()) return STELE_OK;
    if (count < 0) return fail_lost(link, strerror(errno), err);
    if (count == 0) return fail_lost(link, "the server has closed it", err);
    if (redisReaderFeed(link->context->reader, room, (size_t)count) != REDIS_OK)
        return fail_lost(link, link->context->reader->errstr, err);
    return STELE_OK;
}

static stele_status take_replies(redis_link *link, redis_replies *out, size_t wanted,
                                 stele_error *err)
{
    void *reply = NULL;
    while (out->count < wanted) {
        if (redisReaderGetReply(link->context->reader, &reply) != REDIS_OK)
            return fail_lost(link, link->context->reader->errstr, err);
        if (reply == NULL) return STELE_OK;
        out->items[out->count++] = reply;
    }
    return STELE_OK;
}

static stele_status exchange(redis_link *link, const redis_commands *commands, redis_replies *out,
                             stele_error *err)
{
    stele_clock clock = stele_runtime_clock(link->runtime);
    stele_deadline by = stele_deadline_after(clock, PATIENCE_MS);
    stele_bytes bytes = stele_buffer_view(&commands->bytes);
    size_t sent = 0;
    while (out->count < commands->count) {
        size_t before = sent;
        bool got = false;
        stele_status status;
        if ((status = write_some(link, bytes, &sent, err)) < 0) return status;
        if ((status = read_some(link, &got, err)) < 0) return status;
        if (got && (status = take_replies(link, out, commands->count, err)) < 0) return status;
        if (got || sent > before) {
            by = stele_deadline_after(clock, PATIENCE_MS);
            continue;
        }
        stele_deadline slice = stele_deadline_after(clock, SLICE_MS);
        if (stele_socket_wait(link->runtime, link->context->fd, sent < bytes.size, slice.end_ns))
            continue;
        if (atomic_load(link->ends)) return fail_lost(link, "no answer before the end", err);
        if (stele_deadline_passed(by)) return fail_lost(link, "it does not answer", err);
    }
    return STELE_OK;
}

/* A refusal within a transaction that was carried out: keys are not what Stele has written. */
static stele_status check_parts(const redis_link *link, const redisReply *reply, stele_error *err)
{
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type == REDIS_REPLY_ERROR)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "%s: a key of Stele's was changed by another program (%s): empty "
                              "that database, and it is made again from the events",
                              link->label, reply->element[i]->str);
    return STELE_OK;
}

stele_status redis_ask(redis_link *link, const redis_commands *commands, redis_replies *out,
                       stele_error *err)
{
    redis_replies_clear(out);
    if (link->context == NULL || link->is_lost) return fail_lost(link, "it is not open", err);
    out->items = stele_alloc_array(commands->count + 1, sizeof *out->items);
    stele_status status = exchange(link, commands, out, err);
    for (size_t i = 0; status == STELE_OK && i < out->count; i++) {
        const redisReply *reply = out->items[i];
        if (reply->type == REDIS_REPLY_ERROR) status = redis_fail(link->label, reply->str, err);
        if (reply->type == REDIS_REPLY_ARRAY) status = check_parts(link, reply, err);
    }
    return status;
}
