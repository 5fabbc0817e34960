/* SPDX-License-Identifier: MIT
 * Replies of states. */
#include "server/state_reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "server/http_problem.h"

typedef struct tag {
    char text[48]; /* with its quotes */
} tag;

static tag tag_of(int projection, int64_t version)
{
    tag made;
    if (projection > 0)
        snprintf(made.text, sizeof made.text, "\"v%d-%" PRId64 "\"", projection, version);
    else
        snprintf(made.text, sizeof made.text, "\"%" PRId64 "\"", version);
    return made;
}

/* Without W/, for tags are compared weakly (RFC 9110, 13.1.2), and without quotes. */
static stele_bytes bare(stele_bytes text)
{
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    if (text.size >= 2 && memcmp(text.data, "W/", 2) == 0)
        text = stele_bytes_of(text.data + 2, text.size - 2);
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
        text = stele_bytes_of(text.data + 1, text.size - 2);
    return text;
}

/* Is it among the tags of If-None-Match? */
static bool is_known(const char *tags, const tag *own)
{
    if (tags == NULL) return false;
    if (strcmp(tags, "*") == 0) return true;
    for (const char *at = tags; *at != '\0';) {
        size_t size = strcspn(at, ",");
        if (stele_bytes_equal(bare(stele_bytes_of(at, size)), bare(stele_text(own->text))))
            return true;
        at += size;
        at += strspn(at, ", \t");
    }
    return false;
}

void stele_state_reply_none(stele_http_reply *reply, stele_bytes id)
{
    stele_http_problem(reply, 404, "not_found", "%s has no event", stele_quote(id).text);
}

void stele_state_reply_finished(int projection, stele_bytes id, int64_t version,
                                stele_http_reply *reply)
{
    stele_http_problem(reply, 410, "finished",
                       "the life of %s has ended with version %" PRId64 "; its events are there",
                       stele_quote(id).text, version);
    stele_http_problem_add(reply, "version", json_integer(version));
    stele_http_reply_field(reply, "ETag", "%s", tag_of(projection, version).text);
}

void stele_state_reply(const stele_http_request *request, int projection, stele_buffer *json,
                       int64_t version, stele_http_reply *reply)
{
    tag own = tag_of(projection, version);
    if (is_known(stele_http_request_field(request, "If-None-Match"), &own)) {
        stele_http_reply_clear(reply);
        reply->code = 304;
    } else {
        stele_http_reply_text(reply, stele_buffer_text(json), json->size);
    }
    stele_http_reply_field(reply, "ETag", "%s", own.text);
}
