/* SPDX-License-Identifier: MIT
 * Every error that a broker can answer a transaction with, once and for as long as it lasts, by
 * librdkafka's mock cluster: what the fenced writer does next, in both of its lanes, and that its
 * owner, who submits again what was aborted, gets each record into the log. The cluster proves no
 * guarantee of Kafka's; it answers as it is told, and shows aborted records like committed ones. */
#include "producer/fenced.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "core/alloc.h"
#include "core/runtime.h"
#include "tests/kafka/kafka_test.h"

/* Kafka's ApiKeys. */
enum {
    PRODUCE = 0,
    FIND_COORDINATOR = 10,
    INIT = 22,
    ADD_PARTITIONS = 24,
    ADD_OFFSETS = 25,
    END = 26,
    OFFSET_COMMIT = 28,
};

enum { OUTCOME_MS = 30000, TIMEOUT_MS = 1000, PATIENCE_OF_INIT_MS = 200, FOREVER = 5000 };

/* Newer than the header of librdkafka 2.0.2. */
enum { TRANSACTION_ABORTABLE = 120 };

typedef enum next {
    COMMITS, /* as if nothing had been: it was tried again below */
    FAILS,   /* aborts, or dies: the record's time and the transaction's are over at one time */
    WAITS,   /* not fenced yet, and says why; goes on by itself once that is over */
    ABORTS,  /* aborted; the same writer commits the next one */
    REJECTS, /* aborted; and the record that it names is at fault */
    DIES     /* a new writer commits the next one */
} next;

static const char *const next_names[] = {"commits", "fails", "waits", "aborts", "rejects", "dies"};

#define ERR(name) RD_KAFKA_RESP_ERR_##name

typedef struct row {
    int key;
    int code;
    next once;
    next always;
} row;

/* Where the first answer decides, `always` is not another case. */
static const row rows[] = {
    {FIND_COORDINATOR, ERR(COORDINATOR_NOT_AVAILABLE), COMMITS, WAITS},
    {FIND_COORDINATOR, ERR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), DIES, DIES},
    {FIND_COORDINATOR, ERR(CLUSTER_AUTHORIZATION_FAILED), DIES, DIES},
    {FIND_COORDINATOR, ERR(INVALID_REQUEST), COMMITS, WAITS},
    {FIND_COORDINATOR, ERR(UNKNOWN), COMMITS, WAITS},
    {FIND_COORDINATOR, ERR(_TRANSPORT), COMMITS, WAITS},
    {INIT, ERR(COORDINATOR_LOAD_IN_PROGRESS), COMMITS, WAITS},
    {INIT, ERR(COORDINATOR_NOT_AVAILABLE), COMMITS, WAITS},
    {INIT, ERR(NOT_COORDINATOR), COMMITS, WAITS},
    {INIT, ERR(CONCURRENT_TRANSACTIONS), COMMITS, WAITS},
    {INIT, ERR(INVALID_PRODUCER_EPOCH), DIES, DIES},
    {INIT, ERR(PRODUCER_FENCED), DIES, DIES},
    {INIT, ERR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), DIES, DIES},
    {INIT, ERR(CLUSTER_AUTHORIZATION_FAILED), DIES, DIES},
    {INIT, ERR(INVALID_TRANSACTION_TIMEOUT), DIES, DIES},
    {INIT, ERR(UNKNOWN), COMMITS, WAITS},
    {INIT, ERR(_TRANSPORT), COMMITS, WAITS},
    {INIT, ERR(REQUEST_TIMED_OUT), COMMITS, WAITS},
    {INIT, ERR(INVALID_REQUEST), COMMITS, WAITS},
    {INIT, ERR(INVALID_TXN_STATE), COMMITS, WAITS},
    {INIT, ERR(UNSUPPORTED_VERSION), COMMITS, WAITS},
    {ADD_PARTITIONS, ERR(COORDINATOR_LOAD_IN_PROGRESS), COMMITS, FAILS},
    {ADD_PARTITIONS, ERR(COORDINATOR_NOT_AVAILABLE), COMMITS, FAILS},
    {ADD_PARTITIONS, ERR(NOT_COORDINATOR), COMMITS, FAILS},
    {ADD_PARTITIONS, ERR(CONCURRENT_TRANSACTIONS), COMMITS, FAILS},
    {ADD_PARTITIONS, ERR(INVALID_PRODUCER_EPOCH), DIES, DIES},
    {ADD_PARTITIONS, ERR(PRODUCER_FENCED), DIES, DIES},
    {ADD_PARTITIONS, ERR(INVALID_PRODUCER_ID_MAPPING), DIES, DIES},
    {ADD_PARTITIONS, ERR(INVALID_TXN_STATE), DIES, DIES},
    {ADD_PARTITIONS, ERR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), DIES, DIES},
    {ADD_PARTITIONS, ERR(TOPIC_AUTHORIZATION_FAILED), ABORTS, ABORTS},
    {ADD_PARTITIONS, ERR(UNKNOWN_TOPIC_OR_PART), COMMITS, FAILS},
    {ADD_PARTITIONS, ERR(OPERATION_NOT_ATTEMPTED), ABORTS, ABORTS},
    {ADD_PARTITIONS, ERR(UNKNOWN), ABORTS, ABORTS},
    {ADD_PARTITIONS, ERR(_TRANSPORT), COMMITS, FAILS},
    {ADD_PARTITIONS, ERR(CLUSTER_AUTHORIZATION_FAILED), DIES, DIES},
    {ADD_PARTITIONS, ERR(UNKNOWN_PRODUCER_ID), ABORTS, ABORTS},
    {ADD_PARTITIONS, TRANSACTION_ABORTABLE, ABORTS, ABORTS},
    {ADD_PARTITIONS, ERR(REQUEST_TIMED_OUT), ABORTS, ABORTS},
    {ADD_OFFSETS, ERR(COORDINATOR_LOAD_IN_PROGRESS), COMMITS, ABORTS},
    {ADD_OFFSETS, ERR(COORDINATOR_NOT_AVAILABLE), COMMITS, ABORTS},
    {ADD_OFFSETS, ERR(NOT_COORDINATOR), COMMITS, ABORTS},
    {ADD_OFFSETS, ERR(CONCURRENT_TRANSACTIONS), COMMITS, ABORTS},
    {ADD_OFFSETS, ERR(INVALID_PRODUCER_EPOCH), DIES, DIES},
    {ADD_OFFSETS, ERR(PRODUCER_FENCED), ABORTS, ABORTS},
    {ADD_OFFSETS, ERR(INVALID_PRODUCER_ID_MAPPING), DIES, DIES},
    {ADD_OFFSETS, ERR(INVALID_TXN_STATE), DIES, DIES},
    {ADD_OFFSETS, ERR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), DIES, DIES},
    {ADD_OFFSETS, ERR(GROUP_AUTHORIZATION_FAILED), ABORTS, ABORTS},
    {ADD_OFFSETS, ERR(UNKNOWN), ABORTS, ABORTS},
    {ADD_OFFSETS, ERR(_TRANSPORT), COMMITS, ABORTS},
    {ADD_OFFSETS, ERR(UNKNOWN_PRODUCER_ID), ABORTS, ABORTS},
    {ADD_OFFSETS, TRANSACTION_ABORTABLE, ABORTS, ABORTS},
    {ADD_OFFSETS, ERR(REQUEST_TIMED_OUT), COMMITS, ABORTS},
    {OFFSET_COMMIT, ERR(COORDINATOR_LOAD_IN_PROGRESS), COMMITS, ABORTS},
    {OFFSET_COMMIT, ERR(COORDINATOR_NOT_AVAILABLE), COMMITS, ABORTS},
    {OFFSET_COMMIT, ERR(NOT_COORDINATOR), COMMITS, ABORTS},
    {OFFSET_COMMIT, ERR(ILLEGAL_GENERATION), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(UNKNOWN_MEMBER_ID), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(FENCED_INSTANCE_ID), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(INVALID_PRODUCER_EPOCH), DIES, DIES},
    {OFFSET_COMMIT, ERR(PRODUCER_FENCED), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(REBALANCE_IN_PROGRESS), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(GROUP_AUTHORIZATION_FAILED), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(UNKNOWN), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(_TRANSPORT), COMMITS, ABORTS},
    {OFFSET_COMMIT, ERR(UNKNOWN_TOPIC_OR_PART), COMMITS, ABORTS},
    {OFFSET_COMMIT, ERR(REQUEST_TIMED_OUT), COMMITS, ABORTS},
    {OFFSET_COMMIT, ERR(INVALID_PRODUCER_ID_MAPPING), DIES, DIES},
    {OFFSET_COMMIT, ERR(INVALID_TXN_STATE), DIES, DIES},
    {OFFSET_COMMIT, ERR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), DIES, DIES},
    {OFFSET_COMMIT, ERR(TOPIC_AUTHORIZATION_FAILED), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(OFFSET_METADATA_TOO_LARGE), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(INVALID_COMMIT_OFFSET_SIZE), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(INVALID_GROUP_ID), ABORTS, ABORTS},
    {OFFSET_COMMIT, ERR(CONCURRENT_TRANSACTIONS), COMMITS, ABORTS},
    {OFFSET_COMMIT, TRANSACTION_ABORTABLE, ABORTS, ABORTS},
    {PRODUCE, ERR(NOT_LEADER_FOR_PARTITION), COMMITS, FAILS},
    {PRODUCE, ERR(LEADER_NOT_AVAILABLE), COMMITS, FAILS},
    {PRODUCE, ERR(NOT_ENOUGH_REPLICAS), COMMITS, FAILS},
    {PRODUCE, ERR(NOT_ENOUGH_REPLICAS_AFTER_APPEND), COMMITS, FAILS},
    {PRODUCE, ERR(REQUEST_TIMED_OUT), COMMITS, FAILS},
    {PRODUCE, ERR(KAFKA_STORAGE_ERROR), COMMITS, FAILS},
    {PRODUCE, ERR(UNKNOWN_TOPIC_OR_PART), COMMITS, FAILS},
    {PRODUCE, ERR(INVALID_PRODUCER_EPOCH), DIES, DIES},
    {PRODUCE, ERR(PRODUCER_FENCED), ABORTS, ABORTS},
    {PRODUCE, ERR(INVALID_PRODUCER_ID_MAPPING), DIES, DIES},
    {PRODUCE, ERR(INVALID_TXN_STATE), ABORTS, ABORTS},
    {PRODUCE, ERR(UNKNOWN_PRODUCER_ID), ABORTS, ABORTS},
    {PRODUCE, ERR(TOPIC_AUTHORIZATION_FAILED), ABORTS, ABORTS},
    {PRODUCE, ERR(MSG_SIZE_TOO_LARGE), REJECTS, REJECTS},
    {PRODUCE, ERR(INVALID_TIMESTAMP), REJECTS, REJECTS},
    {PRODUCE, ERR(INVALID_RECORD), REJECTS, REJECTS},
    {PRODUCE, ERR(UNKNOWN), ABORTS, ABORTS},
    {PRODUCE, ERR(_TRANSPORT), COMMITS, FAILS},
    {PRODUCE, ERR(NETWORK_EXCEPTION), ABORTS, ABORTS},
    {PRODUCE, ERR(INVALID_MSG), REJECTS, REJECTS},
    {PRODUCE, ERR(INVALID_MSG_SIZE), REJECTS, REJECTS},
    {PRODUCE, ERR(RECORD_LIST_TOO_LARGE), REJECTS, REJECTS},
    {PRODUCE, ERR(UNSUPPORTED_FOR_MESSAGE_FORMAT), REJECTS, REJECTS},
    {PRODUCE, ERR(POLICY_VIOLATION), REJECTS, REJECTS},
    {PRODUCE, ERR(OUT_OF_ORDER_SEQUENCE_NUMBER), DIES, DIES},
    {PRODUCE, ERR(DUPLICATE_SEQUENCE_NUMBER), COMMITS, COMMITS},
    {PRODUCE, ERR(CLUSTER_AUTHORIZATION_FAILED), ABORTS, ABORTS},
    {PRODUCE, ERR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), ABORTS, ABORTS},
    {PRODUCE, ERR(TRANSACTION_COORDINATOR_FENCED), ABORTS, ABORTS},
    {PRODUCE, ERR(FENCED_LEADER_EPOCH), ABORTS, ABORTS},
    {PRODUCE, ERR(UNKNOWN_LEADER_EPOCH), ABORTS, ABORTS},
    {PRODUCE, ERR(INVALID_REQUIRED_ACKS), ABORTS, ABORTS},
    {PRODUCE, ERR(TOPIC_EXCEPTION), ABORTS, ABORTS},
    {PRODUCE, ERR(THROTTLING_QUOTA_EXCEEDED), ABORTS, ABORTS},
    {PRODUCE, ERR(UNSUPPORTED_COMPRESSION_TYPE), ABORTS, ABORTS},
    {PRODUCE, TRANSACTION_ABORTABLE, ABORTS, ABORTS},
    {PRODUCE, ERR(CONCURRENT_TRANSACTIONS), ABORTS, ABORTS},
    {END, ERR(COORDINATOR_LOAD_IN_PROGRESS), COMMITS, DIES},
    {END, ERR(COORDINATOR_NOT_AVAILABLE), COMMITS, DIES},
    {END, ERR(NOT_COORDINATOR), COMMITS, DIES},
    {END, ERR(CONCURRENT_TRANSACTIONS), COMMITS, DIES},
    {END, ERR(INVALID_PRODUCER_EPOCH), DIES, DIES},
    {END, ERR(PRODUCER_FENCED), DIES, DIES},
    {END, ERR(INVALID_PRODUCER_ID_MAPPING), DIES, DIES},
    {END, ERR(INVALID_TXN_STATE), DIES, DIES},
    {END, ERR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), DIES, DIES},
    {END, ERR(UNKNOWN), ABORTS, ABORTS},
    {END, ERR(_TRANSPORT), COMMITS, DIES},
    {END, ERR(REQUEST_TIMED_OUT), ABORTS, ABORTS},
    {END, ERR(UNKNOWN_PRODUCER_ID), ABORTS, ABORTS},
    {END, TRANSACTION_ABORTABLE, ABORTS, ABORTS},
    {END, ERR(OPERATION_NOT_ATTEMPTED), ABORTS, ABORTS},
    {END, ERR(CLUSTER_AUTHORIZATION_FAILED), DIES, DIES},
};

typedef struct mock {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    stele_log *log;
    stele_log_member *member;
    int values; /* so many were made */
    int differ; /* what is not as expected */
} mock;

static void count_assigned(void *context, const stele_partition *partitions, size_t count)
{
    (void)partitions;
    *(size_t *)context += count;
}

static int mock_opened(void **state)
{
    static mock own;
    static size_t owned;
    char text[200];
    const char *topics[] = {"events", NULL};
    owned = 0;
    own = (mock){.rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text)};
    assert_non_null(own.rk);
    own.cluster = rd_kafka_mock_cluster_new(own.rk, 1);
    rd_kafka_mock_topic_create(own.cluster, "events", 1, 1);
    rd_kafka_mock_topic_create(own.cluster, "snapshots", 1, 1);
    own.log = open_log(rd_kafka_mock_cluster_bootstraps(own.cluster));
    stele_log_member_options joining = {
        .group = "g", .topics = topics, .events = {count_assigned, NULL, &owned}};
    MUST(stele_log_member_open(own.log, &joining, &own.member, &err));
    while (owned == 0)
        MUST(stele_log_member_poll(own.member, 50, &err));
    *state = &own;
    return 0;
}

static int mock_closed(void **state)
{
    mock *own = *state;
    stele_log_member_close(own->member, 1000);
    stele_log_free(own->log);
    rd_kafka_mock_cluster_destroy(own->cluster);
    rd_kafka_destroy(own->rk);
    return 0;
}

/* ---- what an owner writes, with an offset each ---- */

enum { FIRST, BEHIND, BESIDE, WORKS };

typedef struct work {
    char value[16];
    int lane;
    int begun; /* transactions that may have written it */
    bool is_in_lane;
    bool is_over; /* committed, or given up as refused */
    int64_t offset;
    next last;
    stele_error failure;
} work;

static stele_fenced *opened(mock *own, bool is_impatient)
{
    stele_fenced *fenced;
    stele_fenced_options options = {.transactional_id = "g-events-0",
                                    .topic = "snapshots",
                                    .lanes = 2,
                                    .timeout_ms = is_impatient ? TIMEOUT_MS : 0,
                                    .patience_ms = PATIENCE_OF_INIT_MS};
    MUST(stele_fenced_open(own->log, &options, &fenced, &err));
    return fenced;
}

static work new_work(mock *own, int lane)
{
    work self = {.lane = lane, .offset = -1, .last = DIES};
    snprintf(self.value, sizeof self.value, "v%d", own->values++);
    return self;
}

static stele_status submit(mock *own, stele_fenced *fenced, work *self)
{
    MUST(stele_log_member_poll(own->member, 0, &err));
    stele_transaction *transaction = stele_transaction_new();
    stele_transaction_put(transaction, (stele_partition){"snapshots", 0}, stele_text("k"),
                          stele_text(self->value), NULL, 0);
    stele_transaction_offset(transaction, stele_log_member_group(own->member),
                             (stele_partition){"events", 0}, 1);
    stele_status status = stele_fenced_submit(fenced, self->lane, transaction, &self->failure);
    if (status < 0) stele_transaction_free(transaction);
    self->is_in_lane = status == STELE_OK;
    return status;
}

/* It waits behind the first of its lane, once that one is in flight. */
static void submit_behind(mock *own, stele_fenced *fenced, work *self)
{
    int64_t until_ms = now_ms() + OUTCOME_MS;
    while (submit(own, fenced, self) == STELE_E_FULL) {
        assert_true(now_ms() < until_ms);
        stele_sleep_ms(stele_log_runtime(own->log), 1);
    }
}

static next next_of(const stele_outcome *outcome)
{
    if (outcome->status == STELE_OK) return COMMITS;
    if (outcome->error.next == STELE_NEXT_STOP) return DIES;
    if (outcome->error.next != STELE_NEXT_REJECT) return ABORTS;
    assert_int_equal(outcome->rejected, 0);
    return REJECTS;
}

static void take_outcome(stele_fenced *fenced, work *self)
{
    stele_outcome outcome;
    if (!self->is_in_lane) return;
    if (!stele_fenced_outcome(fenced, self->lane, OUTCOME_MS, &outcome)) fail_msg("no outcome");
    self->last = next_of(&outcome);
    self->failure = outcome.error;
    self->is_in_lane = false;
    self->begun++;
    if (self->last == COMMITS)
        self->offset = stele_transaction_position(outcome.transaction, 0).offset;
    self->is_over = self->last == COMMITS;
    stele_transaction_free(outcome.transaction);
}

/* As its owner does. After a record that was refused the mock broker misses a sequence number,
 * which costs one more abort. @return the writer that has committed */
static stele_fenced *commit_eventually(mock *own, stele_fenced *fenced, work *self)
{
    for (int tries = 0; tries < 5 && !self->is_over; tries++) {
        if (stele_fenced_poll(fenced, NULL) == STELE_FENCED_DEAD) {
            stele_fenced_close(fenced, 1000);
            fenced = opened(own, false);
        }
        if (submit(own, fenced, self) == STELE_OK) take_outcome(fenced, self);
    }
    if (!self->is_over) fail_msg("nothing is committed any more: %s", self->failure.text);
    return fenced;
}

/* ---- one row ---- */

static void begin_errors(mock *own, const row *of, bool always)
{
    rd_kafka_resp_err_t *codes = stele_alloc_array(FOREVER, sizeof *codes);
    for (int i = 0; i < FOREVER; i++)
        codes[i] = (rd_kafka_resp_err_t)of->code;
    rd_kafka_mock_push_request_errors_array(own->cluster, (int16_t)of->key, always ? FOREVER : 1,
                                            codes);
    free(codes);
}

static void end_errors(mock *own, const row *of)
{
    rd_kafka_mock_clear_request_errors(own->cluster, (int16_t)of->key);
}

/* Before the fence nothing has an outcome: it says why, or it is dead, or it is through. */
static bool is_waiting(stele_fenced *fenced)
{
    stele_error failure;
    int64_t until_ms = now_ms() + 5 * PATIENCE_OF_INIT_MS;
    while (stele_fenced_poll(fenced, &failure) == STELE_FENCED_INIT && now_ms() < until_ms)
        if (failure.status < 0 && failure.next == STELE_NEXT_RETRY) return true;
    return false;
}

/* Each that was acknowledged is where that was said, and no transaction has written one twice. */
static void check_log(mock *own, const work *works, size_t count)
{
    char *texts = read_texts(own->log, "snapshots", STELE_READ_UNCOMMITTED);
    int copies[WORKS] = {0};
    bool found[WORKS] = {false};
    int64_t offset = 0;
    for (char *at = texts, *end; (end = strchr(at, ',')) != NULL; at = end + 1, offset++) {
        *end = '\0';
        for (size_t i = 0; i < count; i++) {
            if (strcmp(at, works[i].value) != 0) continue;
            copies[i]++;
            found[i] = found[i] || offset == works[i].offset;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (works[i].offset >= 0) assert_true(found[i]);
        assert_true(copies[i] <= works[i].begun);
    }
    free(texts);
}

static const char *name_of(const row *of)
{
    return rd_kafka_err2name((rd_kafka_resp_err_t)of->code);
}

static void expect(mock *own, const row *of, const char *what, bool is_so)
{
    if (is_so) return;
    own->differ++;
    print_error("api %d, %s: not so: %s\n", of->key, name_of(of), what);
}

/* After these a producer is of no use, whatever came of the transaction: librdkafka keeps a topic's
 * refusal for the next record; the mock says of a record that it does not have that it has it, and
 * misses its number then; and an end that was sent again may come twice. */
static bool is_spoilt_by(const row *of)
{
    static const struct {
        int key;
        int code;
    } spoilers[] = {{PRODUCE, ERR(TOPIC_AUTHORIZATION_FAILED)},
                    {PRODUCE, ERR(DUPLICATE_SEQUENCE_NUMBER)},
                    {END, ERR(_TRANSPORT)}};
    for (size_t i = 0; i < COUNT_OF(spoilers); i++)
        if (spoilers[i].key == of->key && spoilers[i].code == of->code) return true;
    return false;
}

/* What the others of a writer get when the first transaction came to its end that way. */
static void check_others(mock *own, const row *of, bool always, next found, const work *works)
{
    next behind = works[BEHIND].last;
    next beside = works[BESIDE].last;
    if (found == ABORTS || found == REJECTS)
        expect(own, of, "what waits behind it is not begun", behind == ABORTS);
    if (found == DIES) expect(own, of, "nor when it dies", behind == ABORTS || behind == DIES);
    if (found == DIES) expect(own, of, "all lanes die", beside == DIES);
    if (found != DIES && !always && !is_spoilt_by(of))
        expect(own, of, works[BESIDE].failure.text, beside == COMMITS || beside == ABORTS);
}

static next play(mock *own, const row *of, bool always)
{
    work works[WORKS] = {new_work(own, 0), new_work(own, 0), new_work(own, 1)};
    work before = new_work(own, 0);
    stele_fenced *fenced = NULL;
    bool is_init = of->key == INIT || of->key == FIND_COORDINATOR;
    bool waits = false;
    if (!is_init) fenced = commit_eventually(own, opened(own, always), &before);
    begin_errors(own, of, always);
    if (is_init) {
        fenced = opened(own, false);
        waits = always && is_waiting(fenced);
        if (waits) end_errors(own, of);
    }

    submit(own, fenced, &works[FIRST]);
    submit_behind(own, fenced, &works[BEHIND]); /* so the first is in flight: lanes take turns */
    submit(own, fenced, &works[BESIDE]);
    take_outcome(fenced, &works[FIRST]);
    next found = waits && works[FIRST].last == COMMITS ? WAITS : works[FIRST].last;
    end_errors(own, of);
    take_outcome(fenced, &works[BEHIND]);
    take_outcome(fenced, &works[BESIDE]);

    if (works[FIRST].last != COMMITS) works[BEHIND].begun = 0;
    check_others(own, of, always, found, works);
    if (found == DIES) assert_int_equal(stele_fenced_poll(fenced, NULL), STELE_FENCED_DEAD);
    works[FIRST].is_over = works[FIRST].is_over || found == REJECTS; /* its owner gives it up */
    for (int i = 0; i < WORKS; i++)
        fenced = commit_eventually(own, fenced, &works[i]);
    check_log(own, works, WORKS);
    stele_fenced_close(fenced, 1000);
    return found;
}

/* All rows, so that a change of librdkafka shows as a whole. */
static void play_all(mock *own, bool always)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (always && rows[i].always == rows[i].once) continue;
        next expected = always ? rows[i].always : rows[i].once;
        next found = play(own, &rows[i], always);
        if (found == expected || (expected == FAILS && (found == ABORTS || found == DIES)))
            continue;
        own->differ++;
        print_error("api %d, %s, %s: %s, not %s\n", rows[i].key, name_of(&rows[i]),
                    always ? "always" : "once", next_names[found], next_names[expected]);
    }
    assert_int_equal(own->differ, 0);
}

static void an_answer_that_comes_once_has_its_consequence(void **state)
{
    play_all(*state, false);
}

static void an_answer_that_comes_always_has_its_consequence(void **state)
{
    play_all(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_that_comes_once_has_its_consequence, mock_opened,
                                        mock_closed),
        cmocka_unit_test_setup_teardown(an_answer_that_comes_always_has_its_consequence,
                                        mock_opened, mock_closed),
    };
    return cmocka_run_group_tests_name("producer/fenced_codes", tests, NULL, NULL);
}
