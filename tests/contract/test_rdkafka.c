/* SPDX-License-Identifier: MIT
 * The log's contract on Kafka, through librdkafka; the broker is in STELE_KAFKA. */
#include "log_contract.h"

#include <librdkafka/rdkafka.h>

static stele_log *open_kafka(void)
{
    return open_log(NULL);
}

static stele_log *open_impatient(void)
{
    stele_log *log = NULL;
    stele_log_setting settings[] = {{.name = "bootstrap.servers", .value = getenv("STELE_KAFKA")},
                                    {.name = "max.poll.interval.ms", .value = "1000"}};
    MUST(stele_log_kafka_new(settings, COUNT_OF(settings), &log, &err));
    return log;
}

static rd_kafka_t *open_admin(void)
{
    char text[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", getenv("STELE_KAFKA"), text, sizeof text);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (rk == NULL) fail_msg("%s", text);
    return rk;
}

/* Wait for the answer and release all. */
static void finish_admin(rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *answer = rd_kafka_queue_poll(queue, PATIENCE_MS);
    assert_non_null(answer);
    if (rd_kafka_event_error(answer) != 0) fail_msg("%s", rd_kafka_event_error_string(answer));
    rd_kafka_event_destroy(answer);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

static void delete_records(stele_log *log, stele_partition partition, int64_t before)
{
    (void)log;
    rd_kafka_t *rk = open_admin();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition.topic, partition.index)->offset = before;
    rd_kafka_DeleteRecords_t *order = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(rk, &order, 1, NULL, queue);
    rd_kafka_DeleteRecords_destroy(order);
    rd_kafka_topic_partition_list_destroy(list);
    finish_admin(rk, queue);
}

int main(void)
{
    return run_log_contract(&(contract_subject){.open = open_kafka,
                                                .open_impatient = open_impatient,
                                                .close_impatient = stele_log_free,
                                                .delete_records = delete_records});
}
