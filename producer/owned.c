/* SPDX-License-Identifier: MIT
 * A writer is known by the topic of its snapshots, which is there whether it runs or not. */
#include "producer/owned.h"

#include "core/alloc.h"
#include "core/names.h"

static bool is_of_writer(const char *topic, const char *writer)
{
    stele_projection_name name;
    stele_bytes group = stele_snapshots_topic_parse(topic, &name);
    return group.data != NULL && stele_bytes_equal(name.projection, stele_text(writer));
}

stele_status stele_events_check_unowned(stele_log *log, const char *aggregate, int timeout_ms,
                                        stele_error *err)
{
    char **topics;
    STELE_AUTO(char) writer = stele_writer_name(aggregate);
    stele_status status = stele_log_topics(log, writer, timeout_ms, &topics, err);
    if (status < 0) return status;
    for (char **at = topics; *at != NULL && status == STELE_OK; at++)
        if (is_of_writer(*at, writer))
            status = stele_fail(err, STELE_E_FORBIDDEN, STELE_NEXT_STOP,
                                "aggregate %s decides, so its events are appended by its writer "
                                "alone (%s is there), and another one's would break their "
                                "versions: send it commands, or append through the writer; if "
                                "there is none any more, delete that topic",
                                aggregate, *at);
    free(topics);
    return status;
}
