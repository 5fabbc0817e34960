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

/* ---- coordinators ---- */

/* librdkafka (2.0.2) forgets a question to a coordinator that runs out of time while that one is
 * away, but for its place in the list of those who wait for it. When the coordinator is there
 * again, it answers what it has freed, and the process ends: `eonce->refcnt > 0`. So none of them
 * runs out of time: whoever has waited for long enough leaves it where it is. There are as many as
 * may be at most, and in half the time that librdkafka gives a question the client is made again.
 */
enum { COORDINATOR_MS = 3600000, RETIRED_MS = COORDINATOR_MS / 2 };

/* With the lock. What has come too late is what no one waits for. */
static void forget_answered(rdkafka_log *log)
{
    for (size_t i = log->left_count; i-- > 0;) {
        rd_kafka_event_t *answer = rd_kafka_queue_poll(log->left[i].queue, 0);
        if (answer == NULL) continue;
        rd_kafka_event_destroy(answer);
        rd_kafka_queue_destroy(log->left[i].queue);
        log->left[i] = log->left[--log->left_count];
    }
}

static void forget_left(rdkafka_log *log)
{
    while (log->left_count > 0)
        rd_kafka_queue_destroy(log->left[--log->left_count].queue);
}

static bool is_to_retire(const rdkafka_log *log)
{
    if (log->group_askers > 0) return false;
    for (size_t i = 0; i < log->left_count; i++)
        if (stele_log_now_ns(&log->base) - log->left[i].since_ns > (int64_t)RETIRED_MS * 1000000)
            return true;
    return false;
}

/* With the lock. A client without a group.id has no group inside librdkafka, and librdkafka (2.0.2)
 * asks that group for its coordinator when a broker answers NOT_COORDINATOR to a question for
 * offsets: it crashes, on a cluster whose __consumer_offsets is just made, or whose coordinator
 * just moved. This one is called by the first group that was asked for, and joins nothing. */
static stele_status open_group_admin(rdkafka_log *log, const char *group, stele_error *err)
{
    forget_answered(log);
    if (is_to_retire(log)) {
        forget_left(log);
        stele_rdkafka_client_close(&log->group_admin);
    }
    if (log->left_count == STELE_RDKAFKA_LEFT_MAX)
        return stele_rdkafka_fail_question(err, log, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, group);
    if (log->group_admin.rk != NULL) return STELE_OK;
    rdkafka_settings settings = stele_rdkafka_settings_begin(log);
    stele_rdkafka_set(&settings, "group.id", group);
    return stele_rdkafka_client_open(log, RD_KAFKA_CONSUMER, &settings, NULL, &log->group_admin,
                                     err);
}

/* No one waits for the answer any more, or it has come. */
static void leave(rdkafka_request *self)
{
    rdkafka_log *log = self->asks_coordinator;
    pthread_mutex_lock(&log->admin_lock);
    log->group_askers--;
    if (self->is_asked && self->answer == NULL && log->left_count < STELE_RDKAFKA_LEFT_MAX) {
        log->left[log->left_count++] = (rdkafka_left){self->queue, stele_log_now_ns(&log->base)};
        self->queue = NULL;
    }
    pthread_mutex_unlock(&log->admin_lock);
}

void stele_rdkafka_admin_close(rdkafka_log *log)
{
    forget_left(log);
    stele_rdkafka_client_close(&log->group_admin);
    stele_rdkafka_client_close(&log->admin[0]);
    stele_rdkafka_client_close(&log->admin[1]);
}

/* ---- requests ---- */

int stele_rdkafka_bounded(int timeout_ms)
{
    return timeout_ms < 1 ? 1 : timeout_ms > 3600000 ? 3600000 : timeout_ms;
}

void stele_rdkafka_request_clear(rdkafka_request *self)
{
    if (self->asks_coordinator != NULL) leave(self);
    if (self->answer != NULL) rd_kafka_event_destroy(self->answer);
    if (self->options != NULL) rd_kafka_AdminOptions_destroy(self->options);
    if (self->queue != NULL) rd_kafka_queue_destroy(self->queue);
}

static void prepare(rd_kafka_t *rk, rd_kafka_admin_op_t kind, int timeout_ms, rdkafka_request *out)
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
    if (status == STELE_OK) prepare(rk, kind, timeout_ms, out);
    return status;
}

stele_status stele_rdkafka_request_prepare_group(rdkafka_log *log, const char *group,
                                                 rd_kafka_admin_op_t kind, rdkafka_request *out,
                                                 stele_error *err)
{
    pthread_mutex_lock(&log->admin_lock);
    stele_status status = open_group_admin(log, group, err);
    if (status == STELE_OK) {
        log->group_askers++;
        out->asks_coordinator = log;
        prepare(log->group_admin.rk, kind, COORDINATOR_MS, out);
    }
    pthread_mutex_unlock(&log->admin_lock);
    return status;
}

stele_status stele_rdkafka_request_await(rdkafka_log *log, rdkafka_request *self, int timeout_ms,
                                         const char *what, stele_error *err)
{
    self->is_asked = true;
    /* librdkafka's own time-out answers with what it was waiting for: let it come first. */
    int own_ms = self->asks_coordinator == NULL ? 500 : 0;
    self->answer = rd_kafka_queue_poll(self->queue, stele_rdkafka_bounded(timeout_ms) + own_ms);
    if (self->answer == NULL)
        return stele_rdkafka_fail_question(err, log, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, what);
    rd_kafka_resp_err_t code = rd_kafka_event_error(self->answer);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    return stele_rdkafka_fail_question(err, log, code, rd_kafka_event_error_string(self->answer),
                                       what);
}
