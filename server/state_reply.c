/* SPDX-License-Identifier: MIT
 * Replies of states. */
#include "server/state_reply.h"

#include <inttypes.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "server/aggregate_command.h"
#include "server/http_problem.h"

/* Is the version among the tags of If-None-Match? They are compared weakly (RFC 9110, 13.1.2). */
static bool is_known(const char *tags, int64_t version)
{
    if (tags == NULL) return false;
    if (strcmp(tags, "*") == 0) return true;
    for (const char *at = tags; *at != '\0';) {
        int64_t known;
        size_t size = strcspn(at, ",");
        stele_bytes tag = stele_bytes_of(at, size);
        while (tag.size > 0 && (tag.data[tag.size - 1] == ' ' || tag.data[tag.size - 1] == '\t'))
            tag.size--;
        STELE_AUTO(char) text = stele_strndup((const char *)tag.data, tag.size);
        const char *strong = strncmp(text, "W/", 2) == 0 ? text + 2 : text;
        if (stele_aggregate_version_parse(strong, &known) && known == version) return true;
        at += size;
        at += strspn(at, ", \t");
    }
    return false;
}

void stele_state_reply_none(stele_http_reply *reply, stele_bytes id)
{
    stele_http_problem(reply, 404, "not_found", "%s has no event", stele_quote(id).text);
}

void stele_state_reply_finished(stele_http_reply *reply, stele_bytes id, int64_t version)
{
    stele_http_problem(reply, 410, "finished",
                       "the life of %s has ended with version %" PRId64 "; its events are there",
                       stele_quote(id).text, version);
    stele_http_problem_add(reply, "version", json_integer(version));
    stele_http_reply_field(reply, "ETag", "\"%" PRId64 "\"", version);
}

void stele_state_reply(const stele_http_request *request, stele_buffer *json, int64_t version,
                       stele_http_reply *reply)
{
    if (is_known(stele_http_request_field(request, "If-None-Match"), version)) {
        stele_http_reply_clear(reply);
        reply->code = 304;
    } else {
        stele_http_reply_text(reply, stele_buffer_text(json), json->size);
    }
    stele_http_reply_field(reply, "ETag", "\"%" PRId64 "\"", version);
}
