/* SPDX-License-Identifier: MIT
 * `history`: the events of one aggregate, in order, from the one partition that its id belongs to.
 */
#include "cli/cmd.h"

#include <inttypes.h>

#include "cli/event_line.h"
#include "consumer/read.h"
#include "core/alloc.h"
#include "core/names.h"
#include "kafka/partitioner.h"
#include "registry/client.h"

typedef struct history {
    stele_cli *cli;
    stele_event_lines *lines;
    stele_bytes id;
    int64_t version;
    stele_buffer line;
} history;

static int take_batch(void *context, const stele_batch *batch, stele_error *err)
{
    history *h = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (!stele_bytes_equal(record->key, h->id)) continue;
        stele_buffer_reset(&h->line);
        stele_status status = stele_event_lines_write(h->lines, batch->partition, record,
                                                      ++h->version, &h->line, err);
        if (status < 0) return status;
        stele_cli_print_json(h->cli->out, stele_buffer_view(&h->line));
    }
    return STELE_OK;
}

stele_exit stele_cmd_history(stele_cli *cli, const stele_arguments *arguments)
{
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_log *log = stele_client_log(client);
    STELE_AUTO(char)
    topic = stele_events_topic(stele_arguments_operand(arguments, 0));
    stele_error err = {0};
    stele_log_topic found;
    if (stele_log_topic_describe(log, topic, cli->timeout_ms, &found, &err) < 0)
        return stele_cli_fail_topic(cli, stele_arguments_operand(arguments, 0), &err);

    STELE_AUTO(stele_event_lines)
    lines = stele_event_lines_new(log, stele_client_registry(client), cli->timeout_ms);
    history h = {
        .cli = cli, .lines = lines, .id = stele_text(stele_arguments_operand(arguments, 1))};
    stele_read_start start = {{topic, stele_log_partition_of(h.id, found.partitions)},
                              STELE_OFFSET_NONE};
    stele_read_options options = {
        .starts = &start,
        .count = 1,
        .deadline = stele_deadline_after(stele_clock_system(), cli->timeout_ms),
        .stop = cli->stop,
        .take = take_batch,
        .context = &h,
    };
    stele_status status = stele_bounded_read(log, &options, &err);
    stele_buffer_clear(&h.line);
    if (status < 0) return stele_cli_fail_error(cli, &err);
    if (h.version == 0)
        return stele_cli_fail(cli, STELE_EXIT_FAILED, "%s has no event of %s", topic,
                              stele_arguments_operand(arguments, 1));
    return STELE_EXIT_DONE;
}
