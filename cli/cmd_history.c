/* SPDX-License-Identifier: MIT
 * `history`: the events of one aggregate, in order, from the partition that its id belongs to. The
 * other partitions are looked through for events of it that should not be there. */
#include "cli/cmd.h"

#include "consumer/event_line.h"
#include "cli/first_version.h"
#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "registry/client.h"

typedef struct history {
    stele_cli *cli;
    stele_log *log;
    stele_event_lines *lines;
    const char *topic;
    int32_t partitions;
    stele_bytes id;
    int32_t home; /* the partition that it belongs to */
    int64_t version;
    size_t printed;
    size_t strays; /* events in other partitions */
    stele_buffer line;
} history;

static void history_clear(history *h)
{
    stele_event_lines_free(h->lines);
    stele_buffer_clear(&h->line);
}
STELE_VALUE_SCOPE(history, history_clear);

static stele_status print_event(history *h, const stele_batch *batch, const stele_record *record,
                                stele_error *err)
{
    stele_buffer_reset(&h->line);
    stele_status status =
        stele_event_lines_write(h->lines, batch, record, ++h->version, &h->line, err);
    if (status < 0) return status;
    stele_cli_print_json(h->cli->out, stele_buffer_view(&h->line));
    h->printed++;
    return STELE_OK;
}

static int take_batch(void *context, const stele_batch *batch, stele_error *err)
{
    history *h = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (!stele_bytes_equal(record->key, h->id)) continue;
        if (batch->partition.index == h->home) {
            stele_status status = print_event(h, batch, record, err);
            if (status < 0) return status;
        } else {
            h->strays++;
            stele_cli_is_stray(h->cli, batch->partition, record, h->partitions, true);
        }
    }
    return STELE_OK;
}

static stele_status read_events(history *h, bool everywhere, stele_error *err)
{
    stele_bounded_read_start *starts = stele_alloc_array((size_t)h->partitions, sizeof *starts);
    size_t count = 0;
    for (int32_t i = 0; i < h->partitions; i++)
        if (everywhere || i == h->home)
            starts[count++] = (stele_bounded_read_start){{h->topic, i}, STELE_OFFSET_NONE};
    stele_bounded_read_options options = {
        .starts = starts,
        .count = count,
        .deadline = stele_deadline_after(stele_clock_system(), -1), /* as long as the log is */
        .patience_ms = h->cli->timeout_ms,
        .stop = h->cli->stop,
        .take = take_batch,
        .context = h,
    };
    stele_status status = stele_bounded_read(h->log, &options, err);
    free(starts);
    return status;
}

stele_exit stele_cmd_history(stele_cli *cli, const stele_arguments *arguments)
{
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    const char *aggregate = stele_arguments_operand(arguments, 0);
    STELE_AUTO(char) topic = stele_events_topic(aggregate);
    STELE_AUTO_VALUE(history)
    h = {.cli = cli,
         .log = stele_client_log(client),
         .topic = topic,
         .id = stele_text(stele_arguments_operand(arguments, 1))};
    stele_error err = {0};
    stele_log_topic found;
    if (stele_log_topic_describe(h.log, topic, cli->timeout_ms, &found, &err) < 0)
        return stele_cli_fail_topic(cli, aggregate, &err);
    h.partitions = found.partitions;
    h.home = stele_log_partition_of(h.id, found.partitions);
    h.lines = stele_event_lines_new(stele_client_registry(client), cli->timeout_ms);
    int64_t first;
    if (stele_first_version(cli, (stele_partition){topic, h.home}, h.id, &first, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    h.version = first - 1;
    bool everywhere = !stele_arguments_flag(arguments, "one-partition");
    if (read_events(&h, everywhere, &err) < 0) return stele_cli_fail_error(cli, &err);
    if (h.printed == 0 && h.strays == 0)
        return stele_cli_fail(cli, STELE_EXIT_FAILED, "%s has no event of %s%s", topic,
                              stele_quote(h.id).text,
                              first > 1 ? " any more: retention has deleted them" : "");
    return h.strays > 0 ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}
