/* SPDX-License-Identifier: MIT
 * Transactions (KIP-98) of one producer, with librdkafka's traps kept inside: the pause that the
 * markers of the last transaction need, and an end whose outcome no one knows. */
#include "core/message.h"
#include "kafka/rdkafka_producer.h"

#include "core/clock.h"

static int64_t now_ns(void)
{
    return stele_clock_monotonic_ns(stele_clock_system());
}

static stele_deadline deadline_after(int timeout_ms)
{
    return stele_deadline_after(stele_clock_system(), timeout_ms);
}

static int left_ms(stele_deadline deadline)
{
    return stele_deadline_remaining_ms(deadline, 1 << 30);
}

/* What an end-of-transaction call means while an earlier one of its requests is unanswered. Kafka's
 * clients without KIP-890 cannot tell its late arrival from one of the next transaction. */
static bool end_is_in_doubt(rdkafka_producer *self)
{
    return atomic_load(&self->client.end_is_open) || atomic_load(&self->client.end_was_lost);
}

static stele_status die_in_doubt(rdkafka_producer *self, int cause, stele_error *err)
{
    stele_fail_cause(&self->death, STELE_E_TIMED_OUT, STELE_NEXT_STOP, cause,
                     "%s: the broker did not answer an end of transaction, so its outcome is not "
                     "known; make a new producer and restore",
                     self->transactional_id);
    return stele_rdkafka_producer_check(self, err);
}

/* It has ended for sure, but by a second request: the first may still come and end the next one. */
static void die_if_doubtful(rdkafka_producer *self)
{
    if (!end_is_in_doubt(self)) return;
    stele_fail(&self->death, STELE_E_TIMED_OUT, STELE_NEXT_STOP,
               "%s: the last transaction ended, but a request that ended it was never answered and "
               "could end the next one; make a new producer",
               self->transactional_id);
}

/* A failed call: remember it if it is the producer's death, and say it. */
static stele_status fail_call(rdkafka_producer *self, rd_kafka_error_t *error, const char *call,
                              stele_error *err)
{
    char what[160];
    stele_error failure;
    stele_message_format(what, sizeof what, "%s of %s", call, self->transactional_id);
    bool is_forgotten = rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING;
    stele_status status = stele_rdkafka_fail_error(&failure, error, what);
    /* An abort would be answered the same, and so would all that follow. */
    if (is_forgotten)
        status =
            stele_fail_cause(&failure, STELE_E_FENCED, STELE_NEXT_STOP, failure.cause,
                             "%s: the broker has forgotten this transactional id, which was "
                             "not used for transactional.id.expiration.ms; make a new producer",
                             self->transactional_id);
    if (failure.next == STELE_NEXT_STOP) self->death = failure;
    if (err != NULL) *err = failure;
    return status;
}

static stele_status check_usable(rdkafka_producer *self, stele_error *err)
{
    if (self->transactional_id == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "this producer has no transactional id");
    return stele_rdkafka_producer_check(self, err);
}

/* ---- init ---- */

/* 2.0.2: the first record to a topic of unknown metadata waits up to a second. */
static stele_status fetch_topic(rdkafka_producer *self, const char *name, int timeout_ms,
                                stele_error *err)
{
    char what[160];
    const struct rd_kafka_metadata *metadata;
    stele_message_format(what, sizeof what, "metadata of %s", name);
    rd_kafka_topic_t *topic = stele_rdkafka_client_topic(&self->client, name);
    if (topic == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "\"%s\" cannot be a topic", name);

    rd_kafka_resp_err_t code = rd_kafka_metadata(self->client.rk, 0, topic, &metadata, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                        : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(metadata);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    if (stele_rdkafka_status(code) == STELE_E_NOT_FOUND)
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, (int)code,
                                "there is no topic %s", name);
    return stele_rdkafka_fail_question(err, self->client.log, code, NULL, what);
}

static stele_status init(stele_log_producer *base, const char *topic, int timeout_ms,
                         stele_error *err)
{
    rdkafka_producer *self = (rdkafka_producer *)base;
    stele_deadline deadline = deadline_after(timeout_ms);
    stele_status status = stele_rdkafka_producer_check(self, err);
    if (status < 0) return status;

    if (self->transactional_id != NULL && !self->initialised) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(self->client.rk, left_ms(deadline));
        if (error != NULL) return fail_call(self, error, "init", err);
        self->initialised = true;
    }
    return topic == NULL ? STELE_OK : fetch_topic(self, topic, left_ms(deadline), err);
}

/* ---- a transaction ---- */

static stele_status begin(stele_log_producer *base, stele_error *err)
{
    rdkafka_producer *self = (rdkafka_producer *)base;
    stele_status status = check_usable(self, err);
    if (status < 0) return status;

    rd_kafka_error_t *error = rd_kafka_begin_transaction(self->client.rk);
    if (error != NULL) return fail_call(self, error, "begin", err);
    self->in_transaction = true;
    self->needs_gap = !self->no_gap;
    return STELE_OK;
}

static stele_status send_offset(stele_log_producer *base, const stele_log_group *group,
                                stele_partition partition, int64_t offset, int timeout_ms,
                                stele_error *err)
{
    rdkafka_producer *self = (rdkafka_producer *)base;
    stele_status status = check_usable(self, err);
    if (status < 0) return status;

    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(offsets, partition.topic, partition.index)->offset = offset;
    rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(
        self->client.rk, offsets, stele_rdkafka_group_metadata(group), timeout_ms);
    rd_kafka_topic_partition_list_destroy(offsets);
    if (error != NULL) return fail_call(self, error, "send offset", err);
    /* Its own retries, a millisecond apart, have waited for the markers. */
    self->needs_gap = false;
    return STELE_OK;
}

static stele_status commit(stele_log_producer *base, int timeout_ms, stele_error *err)
{
    rdkafka_producer *self = (rdkafka_producer *)base;
    stele_deadline deadline = deadline_after(timeout_ms);
    stele_status status = check_usable(self, err);
    if (status < 0) return status;
    /* Flushed first, so that a time-out here is known to come before the end was asked for. */
    if ((status = stele_rdkafka_producer_flush(self, left_ms(deadline), err)) < 0) return status;

    rd_kafka_error_t *error = rd_kafka_commit_transaction(self->client.rk, left_ms(deadline));
    if (error != NULL && end_is_in_doubt(self) && !rd_kafka_error_is_fatal(error)) {
        int cause = (int)rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        return die_in_doubt(self, cause, err);
    }
    if (error != NULL) return fail_call(self, error, "commit", err);

    self->in_transaction = false;
    self->committed_ns = now_ns();
    die_if_doubtful(self);
    return STELE_OK;
}

static stele_status abort_transaction(stele_log_producer *base, int timeout_ms, stele_error *err)
{
    rdkafka_producer *self = (rdkafka_producer *)base;
    stele_status status = check_usable(self, err);
    if (status < 0) return status;

    rd_kafka_error_t *error = rd_kafka_abort_transaction(self->client.rk, timeout_ms);
    if (error != NULL) return fail_call(self, error, "abort", err);

    self->in_transaction = false;
    self->committed_ns = now_ns();
    die_if_doubtful(self);
    return STELE_OK;
}

const stele_transaction_ops stele_rdkafka_transaction_ops = {
    .init = init,
    .begin = begin,
    .send_offset = send_offset,
    .commit = commit,
    .abort = abort_transaction,
};
