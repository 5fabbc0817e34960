/* SPDX-License-Identifier: MIT
 * A Redis of a test's own: scripts/redis. Tests run in the root of the tree. */
#ifndef STELE_TESTS_SUPPORT_REDIS_H
#define STELE_TESTS_SUPPORT_REDIS_H

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <unistd.h>

#include "core/alloc.h"
#include "tests/support/test.h"

static char redis_server[64]; /* HOST:PORT */

/** A command of scripts/redis, with what it takes; what it prints last is kept for `start`. */
static inline void redis_call(const char *command)
{
    char line[256];
    snprintf(line, sizeof line, "scripts/redis %s --name unit-%d 2>/dev/null", command,
             (int)getpid());
    FILE *from = popen(line, "r");
    assert_non_null(from);
    char said[sizeof redis_server] = "";
    if (fgets(said, sizeof said, from) != NULL) {
        said[strcspn(said, "\n")] = '\0';
        memcpy(redis_server, said, sizeof said);
    }
    int code = pclose(from);
    if (code != 0) fail_msg("%s: exit %d", line, code);
}

static inline void redis_stop(void)
{
    redis_call("stop");
}

/** Start it; it goes away with the test. */
static inline void redis_start(void)
{
    atexit(redis_stop);
    redis_call("start");
}

static inline redisContext *redis_connect(void)
{
    long port = strtol(strchr(redis_server, ':') + 1, NULL, 10);
    return redisConnect("127.0.0.1", (int)port);
}

/** What the server says to a command, as text; null is "NULL". Caller frees. */
static inline char *redis_say(const char *format, ...)
{
    redisContext *context = redis_connect();
    assert_int_equal(context->err, 0);
    va_list words;
    va_start(words, format);
    redisReply *reply = redisvCommand(context, format, words);
    va_end(words);
    assert_non_null(reply);
    char number[24];
    snprintf(number, sizeof number, "%lld", reply->integer);
    const char *text = reply->type == REDIS_REPLY_INTEGER ? number
                       : reply->str == NULL               ? "NULL"
                                                          : reply->str;
    char *said = stele_strdup(text);
    freeReplyObject(reply);
    redisFree(context);
    return said;
}

/** The same, where what it says is of no account. */
static inline void redis_do(const char *command)
{
    free(redis_say(command));
}

static inline void redis_empty(void)
{
    redis_do("FLUSHALL");
}

#endif
