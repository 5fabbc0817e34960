/* SPDX-License-Identifier: MIT
 * The log's own clients, made when first asked for, and how a request is sent and answered. */
#include "kafka/rdkafka_admin.h"

/* ---- the log's own clients ---- */

stele_status stele_rdkafka_admin(rdkafka_log *log, stele_isolation isolation, rd_kafka_t **out,
                                 stele_error *err)
{
    stele_status status = STELE_OK;
    rdkafka_client *client = &log->admin[isolation];

    pthread_mutex_lock(&log->admin_lock);
    if (client->rk == NULL) {
        rdkafka_settings settings = stele_rdkafka_settings_begin(log);
        stele_rdkafka_set(&settings, "isolation.level",
                          isolation == STELE_READ_COMMITTED ? "read_committed"
                                                            : "read_uncommitted");
        status = stele_rdkafka_client_open(log, RD_KAFKA_CONSUMER, &settings, NULL, client, err);
    }
    if (status == STELE_OK) *out = client->rk;
    pthread_mutex_unlock(&log->admin_lock);
    return status;
}

/* A client without a group.id has no group inside librdkafka, and librdkafka (2.0.2) asks that
 * group for its coordinator when a broker answers NOT_COORDINATOR to a question for offsets: it
 * crashes, on a cluster whose __consumer_offsets is just made, or whose coordinator just moved. It
 * joins nothing. */
stele_status stele_rdkafka_group_admin(rdkafka_log *log, const char *group, rd_kafka_t **out,
                                       stele_error *err)
{
    stele_status status = STELE_OK;
    rdkafka_client *client = &log->group_admin;

    pthread_mutex_lock(&log->admin_lock);
    if (client->rk == NULL) {
        rdkafka_settings settings = stele_rdkafka_settings_begin(log);
        stele_rdkafka_set(&settings, "group.id", group);
        status = stele_rdkafka_client_open(log, RD_KAFKA_CONSUMER, &settings, NULL, client, err);
    }
    if (status == STELE_OK) *out = client->rk;
    pthread_mutex_unlock(&log->admin_lock);
    return status;
}

/* ---- requests ---- */

int stele_rdkafka_bounded(int timeout_ms)
{
    return timeout_ms < 1 ? 1 : timeout_ms > 3600000 ? 3600000 : timeout_ms;
}

void stele_rdkafka_request_clear(rdkafka_request *self)
{
    if (self->answer != NULL) rd_kafka_event_destroy(self->answer);
    if (self->options != NULL) rd_kafka_AdminOptions_destroy(self->options);
    if (self->queue != NULL) rd_kafka_queue_destroy(self->queue);
}

void stele_rdkafka_request_prepare_with(rd_kafka_t *rk, rd_kafka_admin_op_t kind, int timeout_ms,
                                        rdkafka_request *out)
{
    char text[128];
    out->rk = rk;
    out->queue = rd_kafka_queue_new(rk);
    out->options = rd_kafka_AdminOptions_new(rk, kind);
    rd_kafka_AdminOptions_set_request_timeout(out->options, stele_rdkafka_bounded(timeout_ms), text,
                                              sizeof text);
}

stele_status stele_rdkafka_request_prepare(rdkafka_log *log, rd_kafka_admin_op_t kind,
                                           int timeout_ms, rdkafka_request *out, stele_error *err)
{
    rd_kafka_t *rk;
    stele_status status = stele_rdkafka_admin(log, STELE_READ_COMMITTED, &rk, err);
    if (status == STELE_OK) stele_rdkafka_request_prepare_with(rk, kind, timeout_ms, out);
    return status;
}

stele_status stele_rdkafka_request_await(rdkafka_log *log, rdkafka_request *self, int timeout_ms,
                                         const char *what, stele_error *err)
{
    /* librdkafka's own time-out answers with what it was waiting for: let it come first. */
    self->answer = rd_kafka_queue_poll(self->queue, stele_rdkafka_bounded(timeout_ms) + 500);
    if (self->answer == NULL)
        return stele_rdkafka_fail_question(err, log, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, what);
    rd_kafka_resp_err_t code = rd_kafka_event_error(self->answer);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    return stele_rdkafka_fail_question(err, log, code, rd_kafka_event_error_string(self->answer),
                                       what);
}
