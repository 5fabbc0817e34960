/* SPDX-License-Identifier: MIT
 * An owner that commits a snapshot and then an event, and says what readers see: a line each.
 *
 * usage: one_commit BROKERS ID EVENTS SNAPSHOTS    topics; partition 0 of each */
#include <stdio.h>

#include "kafka/bounded_read.h"
#include "kafka/log.h"
#include "producer/fenced.h"

enum { WAIT_MS = 30000, EVENT_LANE = 0, SNAPSHOT_LANE = 1 };

static int fail(const stele_error *err)
{
    fprintf(stderr, "one_commit: %s\n", err->text);
    return 1;
}

static stele_status commit(stele_fenced *fenced, int lane, const char *topic, stele_error *err)
{
    stele_outcome outcome;
    stele_transaction *transaction = stele_transaction_new();
    stele_transaction_put(transaction, (stele_partition){topic, 0}, stele_text("next"),
                          stele_text(topic), NULL, 0);
    stele_status status = stele_fenced_submit(fenced, lane, transaction, err);
    if (status < 0) {
        stele_transaction_free(transaction);
        return status;
    }
    if (!stele_fenced_outcome(fenced, lane, WAIT_MS, &outcome))
        return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_STOP, "no outcome");
    stele_transaction_free(outcome.transaction);
    if (outcome.status < 0) *err = outcome.error;
    return outcome.status;
}

static int print_records(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < batch->count; i++)
        printf("%s %.*s\n", batch->partition.topic, (int)batch->records[i].key.size,
               (const char *)batch->records[i].key.data);
    return STELE_OK;
}

static stele_status show(stele_log *log, const char *topic, stele_error *err)
{
    stele_bounded_read_start start = {{topic, 0}, STELE_OFFSET_NONE};
    return stele_bounded_read(log,
                              &(stele_bounded_read_options){
                                  .starts = &start,
                                  .count = 1,
                                  .deadline = stele_deadline_after(stele_log_clock(log), WAIT_MS),
                                  .take = print_records},
                              err);
}

/* Is nothing to be seen of the events, although there is something? */
static stele_status show_none(stele_log *log, const char *topic, stele_error *err)
{
    int64_t start;
    int64_t end;
    stele_status status = stele_log_bounds(log, (stele_partition){topic, 0}, STELE_READ_COMMITTED,
                                           WAIT_MS, &start, &end, err);
    if (status == STELE_OK && end == 0) printf("readers see no event\n");
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 5) return 2;
    const char *events = argv[3];
    const char *snapshots = argv[4];
    const char *others[] = {snapshots, NULL};
    stele_error err;
    stele_log *log;
    stele_fenced *fenced;
    stele_log_setting broker = {.name = "bootstrap.servers", .value = argv[1]};
    if (stele_log_kafka_new(&broker, 1, &log, &err) < 0) return fail(&err);
    stele_fenced_options options = {.transactional_id = argv[2],
                                    .topic = events,
                                    .others = others,
                                    .lanes = 2,
                                    .follows = {events, 0}};
    if (stele_fenced_open(log, &options, &fenced, &err) < 0) return fail(&err);
    if (commit(fenced, SNAPSHOT_LANE, snapshots, &err) < 0) return fail(&err);
    printf("committed a snapshot\n");
    if (show_none(log, events, &err) < 0) return fail(&err);
    if (commit(fenced, EVENT_LANE, events, &err) < 0) return fail(&err);
    printf("committed an event\n");
    if (show(log, events, &err) < 0 || show(log, snapshots, &err) < 0) return fail(&err);
    stele_fenced_close(fenced, WAIT_MS);
    stele_log_free(log);
    return 0;
}
